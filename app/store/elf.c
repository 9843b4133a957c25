/* SPDX-License-Identifier: Apache-2.0
 * elf: reads the program headers and compares with the file's size. At start, in a worker. */
#include "store/elf.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A shared object has about ten. */
#define PROGRAM_HEADERS_MAX 64

static bool is_of_this_machine(const ElfW(Ehdr) * header) {
  return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
         header->e_ident[EI_CLASS] == (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) &&
         header->e_phentsize == sizeof(ElfW(Phdr));
}

static int refuse_cut(const char *path, struct err *err) {
  return err_set(err, "%s cannot be loaded: the file is cut short; install the plugin again", path);
}

int elf_check(int fd, const char *path, struct err *err) {
  ElfW(Ehdr) header;
  ElfW(Phdr) programs[PROGRAM_HEADERS_MAX];
  struct stat file;
  if (fstat(fd, &file) != 0) return err_set(err, "%s: %m", path);
  if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) || !is_of_this_machine(&header)) return 0;
  size_t count = header.e_phnum, size = count * sizeof(programs[0]), file_size = (size_t)file.st_size;
  if (count > PROGRAM_HEADERS_MAX) return err_set(err, "%s cannot be loaded: it has %zu program headers", path, count);
  if (pread(fd, programs, size, (off_t)header.e_phoff) != (ssize_t)size) return refuse_cut(path, err);
  for (size_t i = 0; i < count; i++)
    if (programs[i].p_offset > file_size || programs[i].p_filesz > file_size - programs[i].p_offset) return refuse_cut(path, err);
  return 0;
}
