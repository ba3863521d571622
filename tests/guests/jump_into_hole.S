/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A multiboot kernel of two instructions: it jumps into the PCI hole, where there is no memory. KVM cannot
 * emulate code that it cannot fetch, and its VMM stops the VM with an internal error.
 */
#define MULTIBOOT_MAGIC 0x1badb002

.text
.align 4
.long MULTIBOOT_MAGIC, 0, -MULTIBOOT_MAGIC

.globl _start
_start:
	mov $0xe0000000, %eax
	jmp *%eax
