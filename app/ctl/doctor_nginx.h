/* SPDX-License-Identifier: Apache-2.0
 * doctor_nginx: what the two files on nginx's side share. */
#ifndef WEIGATE_CTL_DOCTOR_NGINX_H
#define WEIGATE_CTL_DOCTOR_NGINX_H

#include "ctl/doctor.h"
#include "ctl/nginx_text.h"

/* The sockets that nginx reaches weigate through: are they there, and who may connect? */
void doctor_socket(struct doctor *doctor, const struct nginx_text *nginx);

#endif
