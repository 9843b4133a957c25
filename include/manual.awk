# SPDX-License-Identifier: Apache-2.0
# Makes weigate-storage(3) of weigate/storage.h, so that the page cannot differ from the header: comments become text, code stays code.
function escape(line) {
  gsub(/\\/, "\\e", line)
  gsub(/-/, "\\-", line)
  sub(/^[.']/, "\\\\\\&&", line)
  return line
}
function code(is_code) {
  if (is_code && !in_code) print ".PP\n.nf"
  if (!is_code && in_code) print ".fi"
  in_code = is_code
}
# One line of a comment, without its frame.
function say(line) {
  if (line == "") { code(0); print ".PP"; return }
  if (line ~ /^  - /) { code(0); print ".IP \\(bu 2"; print escape(substr(line, 5)); return }
  if (line ~ /^    / && !in_code && line !~ /[►│└├]/) { print escape(substr(line, 5)); return }
  if (line ~ /^  / || line ~ /[►│└├]/) { code(1); print escape(line); return }
  code(0)
  print escape(line)
}
BEGIN {
  print ".TH WEIGATE\\-STORAGE 3 \"\" weigate \"Storage plugins\""
  print ".SH NAME\nweigate\\-storage \\- the interface of storage plugins, <weigate/storage.h>"
  print ".SH SYNOPSIS\n.nf\n#include <weigate/storage.h>\n\nconst struct weigate_storage_plugin *weigate_storage_plugin_v1(const struct weigate_host *host);\n.fi"
  print ".PP\n.BR \"cc $(pkg\\-config \\-\\-cflags weigate\\-storage) \\-fPIC \\-fvisibility=hidden \\-shared\" \" \\&...\""
  print ".SH DESCRIPTION"
}
# The head of the file, and what only the compiler wants.
/^#ifndef WEIGATE_STORAGE_H|^#define WEIGATE_STORAGE_H|^#include|^#ifdef __cplusplus|^#endif|^extern "C"|^#if defined|^__attribute__/ { next }
/^\/\* SPDX/ { in_comment = 1; next }
/^\/\* --- .* -+ \*\/$/ {
  code(0)
  title = $0
  sub(/^\/\* --- /, "", title)
  sub(/ -+ \*\/$/, "", title)
  print ".SH " escape(toupper(title))
  next
}
!in_comment && /^\/\*/ && /\*\/$/ { line = $0; sub(/^\/\* /, "", line); sub(/ \*\/$/, "", line); code(0); print ".PP"; say(line); next }
!in_comment && /^\/\*/ { in_comment = 1; line = $0; sub(/^\/\* ?/, "", line); code(0); print ".PP"; say(line); next }
in_comment {
  line = $0
  is_last = sub(/ ?\*\/$/, "", line)
  sub(/^ \* ?/, "", line)
  if (line != "" || !is_last) say(line)
  if (is_last) { in_comment = 0; code(0) }
  next
}
/^}$/ && !in_code { next }
/^$/ { if (in_code) print ""; next }
{ code(1); print escape($0) }
END {
  code(0)
  print ".SH SEE ALSO"
  print ".BR weigatectl (1),\n.BR weigate.conf (5),\n.BR weigate\\-file (7),\n.BR weigate\\-memory (7),\n.BR weigate\\-postgres (7)"
  print ".PP\nHow to write one in an afternoon:\n.IR @datadir@/weigate/plugins/README.md ."
}
