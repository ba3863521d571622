/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marrow window ABI, version 1.1.
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
#define MARROW_VERSION_MINOR 1

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

/* marrow_edge.kind: where the target objects of an edge are */
enum marrow_edge_kind {
  MARROW_EDGE_POINTER = 1,  /* at what the words of the field point to */
  MARROW_EDGE_EMBEDDED = 2, /* inside, or around, the source object */
  MARROW_EDGE_LIST = 3,     /* around the nodes of linked lists whose heads are in the field */
  MARROW_EDGE_PERCPU = 4,   /* at a per-CPU pointer, once for each CPU */
  MARROW_EDGE_STACK = 5,    /* no target: the used part of a kernel stack */
  MARROW_EDGE_LOOKUP = 6,   /* no target: a sorted table that unwinders search for text addresses */
};

/* marrow_root.kind */
enum marrow_root_kind {
  MARROW_ROOT_OBJECT = 1, /* objects at `address` */
  MARROW_ROOT_PERCPU = 2, /* objects at `address` plus each CPU's offset */
  MARROW_ROOT_LIVE = 3,   /* objects in a range, where registers and live stacks point to */
};

/* marrow_type.flags */
#define MARROW_TYPE_TEXT 1u  /* an object ends behind its first zero byte, or after `bytes` */
#define MARROW_TYPE_ZEROS 2u /* pages that nothing else captures are to read as zeros */
#define MARROW_TYPE_QUIET 4u /* what of an object cannot be read is not reported */

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
  uint32_t graph_offset; /* of a marrow_graph_header, 64-byte aligned; 0: no graph (since 1.1) */
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

/*
 * The graph: what a list of addresses cannot name, because it moves while the guest runs. Roots are
 * objects, types say how many bytes of an object to capture, edges how to get from an object to
 * others. The host follows them in the dead guest; guest/README.md says exactly how. All addresses
 * are gva. Tables lie behind one another in the graph block, 64 bytes an entry, types first.
 */
struct marrow_graph_header {
  uint32_t header_bytes; /* sizeof(struct marrow_graph_header); the types begin there */
  uint32_t type_count;
  uint32_t edge_count;
  uint32_t root_count;
  uint32_t lookup_count;
  uint32_t cpu_count;      /* elements of percpu_offsets */
  uint64_t percpu_offsets; /* gva of an array of u64, one for each CPU; 0: no per-CPU data */
  uint32_t stack_bytes;    /* size and alignment of kernel stacks: a power of two; 0: unknown */
  uint32_t text_before;    /* bytes of code to capture before each text address of a stack, */
  uint32_t text_after;     /* and from it on: unwinders look at the instructions there */
  uint8_t reserved[20];
};

struct marrow_type {
  uint32_t bytes;  /* of each object to capture; 0: objects are followed, not captured */
  uint32_t stride; /* from one object to the next where several lie in a row */
  uint32_t first_edge;
  uint32_t edge_count;
  uint16_t region_class; /* enum marrow_region_class */
  uint16_t flags;        /* MARROW_TYPE_* */
  uint8_t reserved[12];
  char name[MARROW_NAME_BYTES];
};

struct marrow_edge {
  uint16_t kind;   /* enum marrow_edge_kind */
  uint16_t flags;  /* none defined: 0 */
  uint32_t target; /* index of a type; STACK and LOOKUP: 0 */
  int32_t offset;  /* of the field's first word from the object's address */
  uint32_t count;  /* words of the field, at least 1 */
  uint32_t stride; /* from word to word, in bytes */
  /* A word is followed only if (word & tag_mask) == tag_value and (word & ~clear_mask) is not 0. */
  uint32_t tag_mask;
  uint32_t tag_value;
  uint32_t clear_mask;
  int32_t adjust; /* from what the word points to, its clear_mask bits taken off, to the target */
  int32_t link;   /* LIST: of the next word from the node; STACK: of the saved sp from the object */
  /* Target objects in a row: `elements`, or where elements_width is not 0 the unsigned number of
   * that width (1, 2, 4, 8) at elements_offset from the object, but never more than `elements`. */
  uint32_t elements;
  int32_t elements_offset;
  uint32_t elements_width;
  uint32_t limit; /* LIST: nodes of one list. 0: the reader's own limit */
  uint8_t reserved[8];
};

struct marrow_root {
  uint64_t address; /* gva */
  uint32_t type;
  uint16_t kind;        /* enum marrow_root_kind */
  uint16_t priority;    /* 0 is followed first; objects inherit it */
  uint32_t elements;    /* objects in a row, at least 1; LIVE: the range's pages of 4096 bytes */
  uint32_t max_objects; /* reached from this root; 0: the reader's own limit */
  uint64_t max_bytes;   /* captured from this root, page tables aside; 0: the reader's own limit */
  char name[MARROW_NAME_BYTES];
};

/*
 * A table that unwinders search for the text addresses found on stacks: Linux's ORC. Entry i of
 * the sorted array `keys` stands for address keys + 4 i + (int32_t)keys[i]; entry i of `entries`
 * belongs to it. `index` narrows the search: an address of block b = (address - text_begin) /
 * block_bytes has its entry in [index[b], index[b + 1]], both inclusive.
 */
struct marrow_lookup {
  uint64_t text_begin; /* addresses in [text_begin, text_end) are looked up */
  uint64_t text_end;
  uint64_t index; /* gva of an array of u32 */
  uint32_t index_count;
  uint32_t block_bytes;
  uint64_t keys;    /* gva of an array of int32_t */
  uint64_t entries; /* gva */
  uint32_t entry_bytes;
  uint32_t entry_count; /* of keys and of entries */
  uint8_t reserved[8];
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

MARROW_PIN(marrow_graph_header, header_bytes, 0);
MARROW_PIN(marrow_graph_header, type_count, 4);
MARROW_PIN(marrow_graph_header, edge_count, 8);
MARROW_PIN(marrow_graph_header, root_count, 12);
MARROW_PIN(marrow_graph_header, lookup_count, 16);
MARROW_PIN(marrow_graph_header, cpu_count, 20);
MARROW_PIN(marrow_graph_header, percpu_offsets, 24);
MARROW_PIN(marrow_graph_header, stack_bytes, 32);
MARROW_PIN(marrow_graph_header, text_before, 36);
MARROW_PIN(marrow_graph_header, text_after, 40);
MARROW_PIN(marrow_graph_header, reserved, 44);
MARROW_STATIC_ASSERT(sizeof(struct marrow_graph_header) == 64, "graph header size");

MARROW_PIN(marrow_type, bytes, 0);
MARROW_PIN(marrow_type, stride, 4);
MARROW_PIN(marrow_type, first_edge, 8);
MARROW_PIN(marrow_type, edge_count, 12);
MARROW_PIN(marrow_type, region_class, 16);
MARROW_PIN(marrow_type, flags, 18);
MARROW_PIN(marrow_type, reserved, 20);
MARROW_PIN(marrow_type, name, 32);
MARROW_STATIC_ASSERT(sizeof(struct marrow_type) == 64, "type size");

MARROW_PIN(marrow_edge, kind, 0);
MARROW_PIN(marrow_edge, flags, 2);
MARROW_PIN(marrow_edge, target, 4);
MARROW_PIN(marrow_edge, offset, 8);
MARROW_PIN(marrow_edge, count, 12);
MARROW_PIN(marrow_edge, stride, 16);
MARROW_PIN(marrow_edge, tag_mask, 20);
MARROW_PIN(marrow_edge, tag_value, 24);
MARROW_PIN(marrow_edge, clear_mask, 28);
MARROW_PIN(marrow_edge, adjust, 32);
MARROW_PIN(marrow_edge, link, 36);
MARROW_PIN(marrow_edge, elements, 40);
MARROW_PIN(marrow_edge, elements_offset, 44);
MARROW_PIN(marrow_edge, elements_width, 48);
MARROW_PIN(marrow_edge, limit, 52);
MARROW_PIN(marrow_edge, reserved, 56);
MARROW_STATIC_ASSERT(sizeof(struct marrow_edge) == 64, "edge size");

MARROW_PIN(marrow_root, address, 0);
MARROW_PIN(marrow_root, type, 8);
MARROW_PIN(marrow_root, kind, 12);
MARROW_PIN(marrow_root, priority, 14);
MARROW_PIN(marrow_root, elements, 16);
MARROW_PIN(marrow_root, max_objects, 20);
MARROW_PIN(marrow_root, max_bytes, 24);
MARROW_PIN(marrow_root, name, 32);
MARROW_STATIC_ASSERT(sizeof(struct marrow_root) == 64, "root size");

MARROW_PIN(marrow_lookup, text_begin, 0);
MARROW_PIN(marrow_lookup, text_end, 8);
MARROW_PIN(marrow_lookup, index, 16);
MARROW_PIN(marrow_lookup, index_count, 24);
MARROW_PIN(marrow_lookup, block_bytes, 28);
MARROW_PIN(marrow_lookup, keys, 32);
MARROW_PIN(marrow_lookup, entries, 40);
MARROW_PIN(marrow_lookup, entry_bytes, 48);
MARROW_PIN(marrow_lookup, entry_count, 52);
MARROW_PIN(marrow_lookup, reserved, 56);
MARROW_STATIC_ASSERT(sizeof(struct marrow_lookup) == 64, "lookup size");

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* MARROW_ABI_H_ */
