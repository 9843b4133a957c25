/* SPDX-License-Identifier: Apache-2.0
 * loading: the file itself, its one symbol, and what happens when it is loaded and nothing else. */
#include "kit/check.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/scope.h"
#include "kit/look.h"
#include "store/host.h"

#define ENTRY "weigate_storage_plugin_v1"
/* Of processor time: a machine that is busy with others does not count. */
#define LOADING_MAX_MS 100

static struct plugin loaded;

/* Reads the description; opens nothing. */
static void load_only(void) {
  struct err err = {{0}};
  if (plugin_describe(&kit->settings, &loaded, &err) != 0) fail_msg("%s", err.text);
}

static weigate_storage_plugin_function find_entry(void) {
  weigate_storage_plugin_function entry;
  load_only();
  void *code = dlopen(loaded.path, RTLD_NOW | RTLD_LOCAL), *symbol = code ? dlsym(code, ENTRY) : NULL;
  assert_non_null(symbol);
  memcpy(&entry, &symbol, sizeof(entry));
  return entry;
}

/* --- symbols --- */

/* Whether others could see and use it; names with _ in front belong to the compiler and its libraries. */
static bool is_exported(const ElfW(Sym) * symbol, const char *name) {
  unsigned bind = ELF64_ST_BIND(symbol->st_info);
  return symbol->st_shndx != SHN_UNDEF && (bind == STB_GLOBAL || bind == STB_WEAK) &&
         ELF64_ST_VISIBILITY(symbol->st_other) == STV_DEFAULT && name[0] && name[0] != '_';
}

static void look_at_symbols(const uint8_t *file, const ElfW(Shdr) * table, const ElfW(Shdr) * names) {
  const ElfW(Sym) *symbols = (const void *)(file + table->sh_offset);
  bool has_entry = false;
  for (size_t i = 0; i < table->sh_size / sizeof(*symbols); i++) {
    const char *name = (const char *)file + names->sh_offset + symbols[i].st_name;
    if (!is_exported(&symbols[i], name)) continue;
    bool is_entry = strcmp(name, ENTRY) == 0;
    has_entry |= is_entry;
    if (!is_entry) promise_failed(__FILE__, __LINE__, "one exported symbol, " ENTRY, "also %s", name);
  }
  assert_true(has_entry);
}

static void one_symbol_is_exported(void) {
  struct stat info;
  load_only();
  SCOPE_CLOSE int fd = open(loaded.path, O_RDONLY | O_CLOEXEC);
  assert_true(fd >= 0 && fstat(fd, &info) == 0);
  const uint8_t *file = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  assert_true(file != MAP_FAILED);
  const ElfW(Ehdr) *header = (const void *)file;
  const ElfW(Shdr) *sections = (const void *)(file + header->e_shoff);
  for (size_t i = 0; i < header->e_shnum; i++)
    if (sections[i].sh_type == SHT_DYNSYM) look_at_symbols(file, &sections[i], &sections[sections[i].sh_link]);
  const ElfW(Phdr) *programs = (const void *)(file + header->e_phoff);
  for (size_t i = 0; i < header->e_phnum; i++) /* no stack that can be executed */
    if (programs[i].p_type == PT_GNU_STACK) assert_false(programs[i].p_flags & PF_X);
}

/* --- without a store --- */

static void loading_alone_changes_nothing_of_the_process(void) {
  struct look before, after;
  struct timespec began, ended;
  look_take(&before);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &began);
  load_only();
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
  look_take(&after);
  after.descriptors--; /* the file itself, which the host keeps open */
  look_compare(&before, &after);
  int64_t took_ms = (ended.tv_sec - began.tv_sec) * 1000 + (ended.tv_nsec - began.tv_nsec) / 1000000;
  assert_in_range(took_ms, 0, kit_patience_ms(LOADING_MAX_MS));
}

/* A later host has a longer struct; what lies behind the known part is none of the plugin's business. */
static void a_longer_host_works(void) {
  static struct {
    struct weigate_host known;
    uint8_t later[128];
  } host;
  host.known = host_services;
  host.known.struct_size = sizeof(host);
  host.known.abi_minor = 9;
  memset(host.later, 0x5a, sizeof(host.later));
  weigate_storage_plugin_function entry = find_entry();
  const struct weigate_storage_plugin *desc = entry(&host.known);
  assert_non_null(desc);
  assert_string_equal(desc->name, loaded.desc->name);
}

/* A host with less than the first version had: NULL says so, and nothing is read beyond its end. */
static void a_shorter_host_is_not_read_beyond(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), size = offsetof(struct weigate_host, log);
  weigate_storage_plugin_function entry = find_entry();
  char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(pages != MAP_FAILED && mprotect(pages + page, page, PROT_NONE) == 0);
  struct weigate_host head = host_services;
  head.struct_size = (uint32_t)size;
  memcpy(pages + page - size, &head, size);
  const struct weigate_storage_plugin *desc = entry((const void *)(pages + page - size));
  assert_true(!desc || desc->magic == WEIGATE_STORAGE_MAGIC);
}

static void an_unknown_extension_is_null(void) {
  load_only();
  if (!loaded.desc->extension) return;
  assert_null(loaded.desc->extension("weigate.tickets.v"));
  assert_null(loaded.desc->extension("weigate.tickets.v1x"));
  assert_null(loaded.desc->extension(""));
  assert_null(loaded.desc->extension("nothing"));
}

static void the_description_is_complete(void) {
  load_only();
  const struct weigate_storage_plugin *desc = loaded.desc;
  assert_true(desc->durability >= WEIGATE_DURABLE_PROCESS && desc->durability <= WEIGATE_DURABLE_REPLICA);
  assert_true(strlen(desc->version) > 0 && strlen(desc->summary) >= 10);
  for (uint32_t i = 0; i < desc->option_count; i++) {
    const struct weigate_option *option = (const void *)((const char *)desc->options + (size_t)i * desc->option_stride);
    assert_true(option->help && strlen(option->help) >= 10);
  }
}

/* --- the file --- */

static void copy_file(const char *from, const char *to) {
  char block[65536];
  ssize_t n;
  SCOPE_CLOSE int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
  assert_true(in >= 0 && out >= 0);
  while ((n = read(in, block, sizeof(block))) > 0) assert_int_equal(write(out, block, (size_t)n), n);
}

/* What an upgrade does: another file takes the name while the old one runs. */
static void replacing_its_file_does_not_disturb_what_runs(void) {
  char place[512];
  load_only();
  snprintf(place, sizeof(place), "%s", kit_beside("plugin.so"));
  const char *next = kit_beside("next.so");
  copy_file(loaded.path, place);
  kit->settings.plugin = place;
  kit_open(kit);
  struct weigate_person person = kit_person("o1", kit_now_us(), 1);
  kit_record(kit, &person, NULL, NULL);
  copy_file("/dev/null", next);
  assert_int_equal(rename(next, place), 0);
  struct weigate_handle *second = kit_connect(kit);
  assert_int_equal(kit_record(kit, &person, NULL, NULL), WEIGATE_ITEM_DUPLICATE);
  plugin_disconnect(&kit->plugin, second);
  kit_close(kit);
}

static const struct kit_check checks[] = {
    {CHECK(one_symbol_is_exported), .numbers = "2", .is_closed = true, .hint = "compile with -fvisibility=hidden"},
    {CHECK(loading_alone_changes_nothing_of_the_process), .numbers = "3, 4", .is_closed = true,
     .hint = "a constructor, or a library of the plugin's that starts something; begin in open"},
    {CHECK(a_longer_host_works), .numbers = "6", .is_closed = true,
     .hint = "copy the host's struct by the smaller of both sizes"},
    {CHECK(a_shorter_host_is_not_read_beyond), .numbers = "5", .is_closed = true,
     .hint = "ask WEIGATE_HAS() before a member is read"},
    {CHECK(an_unknown_extension_is_null), .numbers = "8", .is_closed = true, .hint = "compare the whole id"},
    {CHECK(the_description_is_complete), .numbers = "9", .is_closed = true},
    {CHECK(replacing_its_file_does_not_disturb_what_runs), .numbers = "14", .is_closed = true,
     .hint = "the plugin opened its own file again, by name"},
};

const struct kit_chapter kit_loading = {"loading", checks, sizeof checks / sizeof checks[0]};
