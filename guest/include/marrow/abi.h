/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marrow window ABI, version 1.0.
 *
 * The window is memory that guest and host both map. A healthy guest describes in it what should be
 * captured when it dies. This header is the whole contract: C11 and C++17, freestanding, no other
 * Marrow header needed. guest/README.md specifies the same bytes in prose.
 *
 * Everything is little-endian, fixed-width and naturally aligned. Host-written and guest-written
 * fields live on different 64-byte cache lines. A side that reads a field the other side writes
 * copies it once and validates the copy.
 */
#ifndef MARROW_ABI_H_
#define MARROW_ABI_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define MARROW_STATIC_ASSERT(condition, text) static_assert(condition, text)
extern "C" {
#else
#define MARROW_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* "MARROWHW" and "MARROWGW" as they stand in memory. */
#define MARROW_HOST_MAGIC UINT64_C(0x5748574f5252414d)
#define MARROW_GUEST_MAGIC UINT64_C(0x5747574f5252414d)

#define MARROW_VERSION_MAJOR 1
#define MARROW_VERSION_MINOR 0

/* Window sizes are powers of two in this range, in bytes. */
#define MARROW_WINDOW_MIN_BYTES UINT64_C(4096)
#define MARROW_WINDOW_MAX_BYTES UINT64_C(16777216)

#define MARROW_HEADER_BYTES 1024
#define MARROW_NAME_BYTES 32
#define MARROW_REQUEST_TEXT_BYTES 48
#define MARROW_PANIC_TEXT_BYTES 480

/* marrow_guest_identity.state */
enum marrow_guest_state {
  MARROW_STATE_NONE = 0,      /* no guest has written here since the host formatted the window */
  MARROW_STATE_BOOTING = 1,   /* regions may be incomplete */
  MARROW_STATE_ALIVE = 2,     /* table complete, heart beats */
  MARROW_STATE_PANICKING = 3, /* the panic record is being or has been written */
  MARROW_STATE_SHUTDOWN = 4,  /* orderly end: a heart that stops beating is no news */
};

/* marrow_guest_identity.writer */
enum marrow_writer {
  MARROW_WRITER_UNKNOWN = 0,
  MARROW_WRITER_AGENT = 1, /* Linux user space */
  MARROW_WRITER_KMOD = 2,  /* Linux kernel module */
  MARROW_WRITER_BARE = 3,  /* firmware, unikernel, test guest */
};

/* marrow_request.kind */
enum marrow_request_kind {
  MARROW_REQUEST_NONE = 0,
  MARROW_REQUEST_DUMP = 1,  /* a user or program in the guest asks for a dump */
  MARROW_REQUEST_OOPS = 2,  /* the guest survived an oops */
  MARROW_REQUEST_WARN = 3,  /* a warning was logged */
  MARROW_REQUEST_PANIC = 4, /* the guest panics; the panic record says more */
};

/* marrow_host_ack.state: how far the host is with request `sequence` */
enum marrow_ack_state {
  MARROW_ACK_NONE = 0,
  MARROW_ACK_CAPTURING = 1,
  MARROW_ACK_CAPTURED = 2, /* memory is copied; the guest may reboot */
  MARROW_ACK_FAILED = 3,
  MARROW_ACK_REFUSED = 4, /* policy or rate limit; do not wait */
};

/* marrow_host_ack.presence */
enum marrow_host_presence {
  MARROW_HOST_ABSENT = 0,
  MARROW_HOST_LISTENING = 1,
};

/* marrow_region.address_kind */
enum marrow_address_kind {
  MARROW_ADDRESS_GPA = 1, /* guest-physical */
  MARROW_ADDRESS_GVA = 2, /* guest-virtual, translated by the host with facts.page_table_root */
};

/* marrow_region.region_class: lets host policy leave a class out */
enum marrow_region_class {
  MARROW_CLASS_KERNEL_DATA = 0,
  MARROW_CLASS_LOG = 1,
  MARROW_CLASS_TASK = 2,
  MARROW_CLASS_USER = 3,
  MARROW_CLASS_SECRET = 4,
};

/* marrow_panic_record.reason */
enum marrow_panic_reason {
  MARROW_PANIC_UNSPECIFIED = 0,
  MARROW_PANIC_PANIC = 1,
  MARROW_PANIC_OOPS = 2,
  MARROW_PANIC_HANG = 3,
  MARROW_PANIC_FATAL_TRAP = 4,
};

/* ---- written by the host ---------------------------------------------------------------- */

/* 0x000. Written when the host formats the window, then constant until it formats it again. */
struct marrow_host_identity {
  uint64_t magic; /* MARROW_HOST_MAGIC, stored last */
  uint16_t version_major;
  uint16_t version_minor;
  uint32_t header_bytes; /* MARROW_HEADER_BYTES */
  uint64_t window_bytes;
  uint64_t features; /* none defined: 0 */
  uint8_t nonce[16]; /* random; changes whenever the host formats the window */
  uint8_t reserved[16];
};

/* 0x040. */
struct marrow_host_ack {
  uint64_t sequence;       /* the marrow_request.sequence answered; stored after state and detail */
  uint32_t state;          /* enum marrow_ack_state */
  uint32_t detail;         /* milliseconds after which a refused guest may ask again, else 0 */
  uint32_t presence;       /* enum marrow_host_presence */
  uint32_t crash_captured; /* 1: the crash of crash_boot_id is captured; the host's own note */
  uint64_t beat;           /* grows while the host listens */
  uint8_t crash_boot_id[16];
  uint8_t reserved[16];
};

/* ---- written by the guest --------------------------------------------------------------- */

/* 0x080. Written once per attach, but for `state`. */
struct marrow_guest_identity {
  uint64_t magic; /* MARROW_GUEST_MAGIC, stored last */
  uint16_t version_major;
  uint16_t version_minor;
  uint32_t header_bytes; /* MARROW_HEADER_BYTES */
  uint64_t features;     /* none defined: 0 */
  uint8_t boot_id[16];   /* differs between boots */
  uint32_t state;        /* enum marrow_guest_state */
  uint32_t writer;       /* enum marrow_writer */
  uint8_t reserved[16];
};

/*
 * 0x0c0. `sequence` is a seqcount: odd while the guest changes anything in this block, the facts or
 * the table. A reader copies all three, takes the copy only if `sequence` was even and the same
 * before and after, and then checks `crc32c`.
 */
struct marrow_table_control {
  uint32_t sequence;
  uint32_t crc32c;       /* CRC-32C (RFC 3720) over facts, then region_count entries, then graph */
  uint64_t generation;   /* grows with every completed change */
  uint32_t table_offset; /* of the first entry from the window's start; 64-byte aligned */
  uint32_t region_count; /* entries in use: the first region_count of the table */
  uint32_t region_capacity;
  uint32_t graph_offset; /* typed graph: reserved for version 1.1, both 0 in 1.0 */
  uint32_t graph_bytes;
  uint8_t reserved[28];
};

/* 0x100. Facts about the kernel. A value that is not known is 0. */
struct marrow_facts {
  uint16_t machine;          /* ELF e_machine: 62 x86-64, 183 AArch64 */
  uint8_t page_shift;        /* 12 */
  uint8_t page_table_levels; /* 4 or 5 on x86-64 */
  uint32_t cpu_count;        /* possible CPUs */
  uint64_t page_table_root;  /* gpa of the kernel's top table (swapper_pg_dir) */
  uint64_t phys_base;        /* x86-64: gpa of a kernel-image gva is gva - kernel_map + phys_base */
  uint64_t kernel_map;       /* x86-64: __START_KERNEL_map */
  uint64_t kaslr_offset;     /* run-time minus link-time gva of the kernel image */
  uint64_t kernel_start;     /* gva of _text */
  uint64_t kernel_end;       /* gva of _end */
  uint64_t direct_map;       /* gva at which gpa 0 is mapped (page_offset_base) */
  uint64_t vmalloc_base;     /* gva */
  uint64_t vmemmap_base;     /* gva */
  uint64_t vmcoreinfo_gpa;   /* of the VMCOREINFO text or ELF note */
  uint64_t vmcoreinfo_bytes;
  uint8_t reserved[32];
};

/* 0x180. */
struct marrow_heartbeat {
  uint64_t beat;      /* grows by one each period while state is ALIVE */
  uint32_t period_ms; /* 0: this guest does not beat */
  uint32_t reserved0;
  uint64_t uptime_ms; /* guest's own clock at the last beat */
  uint8_t reserved[40];
};

/* 0x1c0. The doorbell: the guest stores kind and text, then a new sequence. */
struct marrow_request {
  uint64_t sequence;
  uint32_t kind; /* enum marrow_request_kind */
  uint32_t reserved;
  char text[MARROW_REQUEST_TEXT_BYTES]; /* UTF-8, zero-filled */
};

/* 0x200. */
struct marrow_panic_record {
  uint32_t valid; /* 1, stored last */
  uint32_t cpu;
  uint64_t ip;
  uint64_t sp;
  uint32_t reason; /* enum marrow_panic_reason */
  uint32_t text_bytes;
  char text[MARROW_PANIC_TEXT_BYTES]; /* UTF-8, zero-filled */
};

/* A table entry: [address, address + size) is to be captured. */
struct marrow_region {
  uint64_t id; /* unique in the table, never 0 */
  uint64_t address;
  uint64_t size;                /* bytes, never 0 */
  uint16_t address_kind;        /* enum marrow_address_kind */
  uint16_t region_class;        /* enum marrow_region_class */
  uint32_t flags;               /* none defined: 0; a reader ignores flags it does not know */
  char name[MARROW_NAME_BYTES]; /* UTF-8, zero-filled, need not end in zero */
};

struct marrow_window_header {
  struct marrow_host_identity host;
  struct marrow_host_ack ack;
  struct marrow_guest_identity guest;
  struct marrow_table_control table;
  struct marrow_facts facts;
  struct marrow_heartbeat heartbeat;
  struct marrow_request request;
  struct marrow_panic_record panic;
};

#define MARROW_PIN(type, field, offset) \
  MARROW_STATIC_ASSERT(offsetof(struct type, field) == (offset), #type "." #field)

MARROW_PIN(marrow_window_header, host, 0x000);
MARROW_PIN(marrow_window_header, ack, 0x040);
MARROW_PIN(marrow_window_header, guest, 0x080);
MARROW_PIN(marrow_window_header, table, 0x0c0);
MARROW_PIN(marrow_window_header, facts, 0x100);
MARROW_PIN(marrow_window_header, heartbeat, 0x180);
MARROW_PIN(marrow_window_header, request, 0x1c0);
MARROW_PIN(marrow_window_header, panic, 0x200);
MARROW_STATIC_ASSERT(sizeof(struct marrow_window_header) == MARROW_HEADER_BYTES, "header size");

MARROW_PIN(marrow_host_identity, magic, 0);
MARROW_PIN(marrow_host_identity, version_major, 8);
MARROW_PIN(marrow_host_identity, version_minor, 10);
MARROW_PIN(marrow_host_identity, header_bytes, 12);
MARROW_PIN(marrow_host_identity, window_bytes, 16);
MARROW_PIN(marrow_host_identity, features, 24);
MARROW_PIN(marrow_host_identity, nonce, 32);
MARROW_PIN(marrow_host_identity, reserved, 48);

MARROW_PIN(marrow_host_ack, sequence, 0);
MARROW_PIN(marrow_host_ack, state, 8);
MARROW_PIN(marrow_host_ack, detail, 12);
MARROW_PIN(marrow_host_ack, presence, 16);
MARROW_PIN(marrow_host_ack, crash_captured, 20);
MARROW_PIN(marrow_host_ack, beat, 24);
MARROW_PIN(marrow_host_ack, crash_boot_id, 32);
MARROW_PIN(marrow_host_ack, reserved, 48);

MARROW_PIN(marrow_guest_identity, magic, 0);
MARROW_PIN(marrow_guest_identity, version_major, 8);
MARROW_PIN(marrow_guest_identity, version_minor, 10);
MARROW_PIN(marrow_guest_identity, header_bytes, 12);
MARROW_PIN(marrow_guest_identity, features, 16);
MARROW_PIN(marrow_guest_identity, boot_id, 24);
MARROW_PIN(marrow_guest_identity, state, 40);
MARROW_PIN(marrow_guest_identity, writer, 44);
MARROW_PIN(marrow_guest_identity, reserved, 48);

MARROW_PIN(marrow_table_control, sequence, 0);
MARROW_PIN(marrow_table_control, crc32c, 4);
MARROW_PIN(marrow_table_control, generation, 8);
MARROW_PIN(marrow_table_control, table_offset, 16);
MARROW_PIN(marrow_table_control, region_count, 20);
MARROW_PIN(marrow_table_control, region_capacity, 24);
MARROW_PIN(marrow_table_control, graph_offset, 28);
MARROW_PIN(marrow_table_control, graph_bytes, 32);
MARROW_PIN(marrow_table_control, reserved, 36);

MARROW_PIN(marrow_facts, machine, 0);
MARROW_PIN(marrow_facts, page_shift, 2);
MARROW_PIN(marrow_facts, page_table_levels, 3);
MARROW_PIN(marrow_facts, cpu_count, 4);
MARROW_PIN(marrow_facts, page_table_root, 8);
MARROW_PIN(marrow_facts, phys_base, 16);
MARROW_PIN(marrow_facts, kernel_map, 24);
MARROW_PIN(marrow_facts, kaslr_offset, 32);
MARROW_PIN(marrow_facts, kernel_start, 40);
MARROW_PIN(marrow_facts, kernel_end, 48);
MARROW_PIN(marrow_facts, direct_map, 56);
MARROW_PIN(marrow_facts, vmalloc_base, 64);
MARROW_PIN(marrow_facts, vmemmap_base, 72);
MARROW_PIN(marrow_facts, vmcoreinfo_gpa, 80);
MARROW_PIN(marrow_facts, vmcoreinfo_bytes, 88);
MARROW_PIN(marrow_facts, reserved, 96);

MARROW_PIN(marrow_heartbeat, beat, 0);
MARROW_PIN(marrow_heartbeat, period_ms, 8);
MARROW_PIN(marrow_heartbeat, reserved0, 12);
MARROW_PIN(marrow_heartbeat, uptime_ms, 16);
MARROW_PIN(marrow_heartbeat, reserved, 24);

MARROW_PIN(marrow_request, sequence, 0);
MARROW_PIN(marrow_request, kind, 8);
MARROW_PIN(marrow_request, reserved, 12);
MARROW_PIN(marrow_request, text, 16);

MARROW_PIN(marrow_panic_record, valid, 0);
MARROW_PIN(marrow_panic_record, cpu, 4);
MARROW_PIN(marrow_panic_record, ip, 8);
MARROW_PIN(marrow_panic_record, sp, 16);
MARROW_PIN(marrow_panic_record, reason, 24);
MARROW_PIN(marrow_panic_record, text_bytes, 28);
MARROW_PIN(marrow_panic_record, text, 32);

MARROW_PIN(marrow_region, id, 0);
MARROW_PIN(marrow_region, address, 8);
MARROW_PIN(marrow_region, size, 16);
MARROW_PIN(marrow_region, address_kind, 24);
MARROW_PIN(marrow_region, region_class, 26);
MARROW_PIN(marrow_region, flags, 28);
MARROW_PIN(marrow_region, name, 32);
MARROW_STATIC_ASSERT(sizeof(struct marrow_region) == 64, "region size");

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* MARROW_ABI_H_ */
