dnl SPDX-License-Identifier: Apache-2.0
dnl The checks of configure.ac, one macro each.

dnl C17 without the GNU dialect's habits; the glibc extensions come from AC_USE_SYSTEM_EXTENSIONS.
AC_DEFUN([WEIGATE_C17], [
  weigate_save_cflags=$CFLAGS
  CFLAGS="$CFLAGS -std=gnu17"
  AC_MSG_CHECKING([whether $CC compiles C17])
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#if __STDC_VERSION__ < 201710L
#error "no C17"
#endif]])], [AC_MSG_RESULT([yes])], [AC_MSG_ERROR([weigate needs a C17 compiler (gcc 8 or clang 6 and later)])])
  CFLAGS=$weigate_save_cflags
  WEIGATE_CFLAGS="-std=gnu17 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wpointer-arith"
  AC_SUBST([WEIGATE_CFLAGS])
])

dnl libfcgi has no pkg-config file in Debian 12. The reactor hands descriptors over through members of FCGX_Request that the
dnl header calls internal, so their presence is checked here and their behaviour in tests/unit/test_conn.c.
AC_DEFUN([WEIGATE_LIBFCGI], [
  AC_CHECK_LIB([fcgi], [FCGX_Free], [FCGI_LIBS=-lfcgi], [AC_MSG_ERROR([libfcgi not found: apt-get install libfcgi-dev])])
  AC_SUBST([FCGI_LIBS])
  AC_CHECK_MEMBERS([FCGX_Request.ipcFd, FCGX_Request.keepConnection, FCGX_Request.listen_sock, FCGX_Request.requestId], [],
    [AC_MSG_ERROR([this libfcgi has another struct FCGX_Request than the one weigate hands connections over with (2.4.2)])],
    [[#include <fcgiapp.h>]])
])

AC_DEFUN([WEIGATE_WERROR], [
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [treat compiler warnings as errors (what the tests do)])],
    [], [enable_werror=no])
  AS_IF([test "x$enable_werror" = xyes], [WEIGATE_CFLAGS="$WEIGATE_CFLAGS -Werror"])
])

AC_DEFUN([WEIGATE_SANITIZER], [
  AC_ARG_ENABLE([sanitizer], [AS_HELP_STRING([--enable-sanitizer=address|thread], [build with ASan and UBSan, or with TSan])],
    [], [enable_sanitizer=no])
  AS_CASE([$enable_sanitizer],
    [address], [weigate_san="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"],
    [thread], [weigate_san="-fsanitize=thread -fno-omit-frame-pointer"],
    [no], [weigate_san=],
    [AC_MSG_ERROR([--enable-sanitizer takes address, thread or no, not "$enable_sanitizer"])])
  WEIGATE_CFLAGS="$WEIGATE_CFLAGS $weigate_san"
  WEIGATE_LDFLAGS="$WEIGATE_LDFLAGS $weigate_san"
  AC_SUBST([WEIGATE_LDFLAGS])
  dnl A plugin links with no undefined symbol of the host; only a sanitizer's own come from the program.
  AS_IF([test "x$enable_sanitizer" = xno], [PLUGIN_LDFLAGS="-Wl,-z,defs"])
  AC_SUBST([PLUGIN_LDFLAGS])
])

dnl Hardening is on by default. _FORTIFY_SOURCE wants optimisation and is left out where a sanitizer does its work better.
AC_DEFUN([WEIGATE_HARDENING], [
  AC_ARG_ENABLE([hardening], [AS_HELP_STRING([--disable-hardening], [leave out stack protector, fortify, PIE and full RELRO])],
    [], [enable_hardening=yes])
  AS_IF([test "x$enable_hardening" = xyes], [
    WEIGATE_CFLAGS="$WEIGATE_CFLAGS -fstack-protector-strong -fstack-clash-protection -fcf-protection"
    AS_IF([test "x$enable_sanitizer" = xno], [WEIGATE_CFLAGS="$WEIGATE_CFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"])
    WEIGATE_PIE_CFLAGS="-fPIE"
    WEIGATE_PIE_LDFLAGS="-pie"
    WEIGATE_LDFLAGS="$WEIGATE_LDFLAGS -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed"
  ])
  AC_SUBST([WEIGATE_PIE_CFLAGS])
  AC_SUBST([WEIGATE_PIE_LDFLAGS])
])

AC_DEFUN([WEIGATE_SUMMARY], [
  weigate_summary="weigate $PACKAGE_VERSION
  compiler    $CC ($CFLAGS)
  hardening   $enable_hardening
  sanitizer   $enable_sanitizer
  plugins     $weigate_plugins
  libcurl     `$PKG_CONFIG --modversion libcurl`
  cJSON       `$PKG_CONFIG --modversion libcjson`
  libsodium   `$PKG_CONFIG --modversion libsodium`
  SQLite      `$PKG_CONFIG --modversion sqlite3`
  libqrencode `$PKG_CONFIG --modversion libqrencode`"
  weigate_summary_c=`printf '%s\n' "$weigate_summary" | sed 's/["\\\\]/\\\\&/g; s/$/\\\\n/' | tr -d '\n'`
  AC_DEFINE_UNQUOTED([BUILD_SUMMARY], ["$weigate_summary_c"], [what configure found; printed by weigate -V])
])
