dnl SPDX-License-Identifier: Apache-2.0
dnl WEIGATE_PLUGIN(NAME, DEFAULT): one line per plugin. --with-plugin-NAME=shared|no.
AC_DEFUN([WEIGATE_PLUGIN], [
  AC_ARG_WITH([plugin-$1], [AS_HELP_STRING([--with-plugin-$1=shared|no], [build the $1 storage plugin (default: $2)])],
    [], [with_plugin_$1=$2])
  AS_CASE([$with_plugin_$1], [shared|no], [], [yes], [with_plugin_$1=shared],
    [AC_MSG_ERROR([--with-plugin-$1 takes shared or no, not "$with_plugin_$1"])])
  AM_CONDITIONAL([PLUGIN_]m4_toupper([$1]), [test "x$with_plugin_$1" = xshared])
  AS_IF([test "x$with_plugin_$1" != xno], [weigate_plugins="${weigate_plugins:+$weigate_plugins }$1"])
])
