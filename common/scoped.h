/* scoped.h: SCOPED(type) frees a local at the end of its scope with type_destroy(&local), so that no
 * function needs a goto for clean-up. type_destroy accepts NULL and half-built objects and nulls the
 * pointer, which is the shape of every destroy in this tree and in CZMQ.
 * Source: systemd's _cleanup_; CZMQ's destructors.
 */
#ifndef SIEM_COMMON_SCOPED_H
#define SIEM_COMMON_SCOPED_H

/* struct x *: SCOPED(x) struct x *local = x_new(); */
#define SCOPED(type) __attribute__((cleanup(type##_destroy)))

/* A struct by value with init/fini: SCOPED_FINI(buffer) struct buffer local; */
#define SCOPED_FINI(type) __attribute__((cleanup(type##_fini)))

#endif
