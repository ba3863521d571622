# SPDX-License-Identifier: Apache-2.0
# What marrow-agent marks unless told otherwise. The language: README.md beside this file.
#
# The floor is the list that kmemdump and meminspect register for a kernel; on top of it comes what
# crash, drgn and gdb turned out to read before they can show the log of a dead x86-64 kernel.
# Left out on purpose:
#   kallsyms tables  about 1.9 MB, and debuggers take symbols from vmlinux; VMCOREINFO names them
#   section markers  addresses without content; _text and _end are published as facts
#   struct page, pg_data_t, tasks, stacks, modules  they move: not for a list of names

# The kernel log: a ring of descriptors and infos, and the text. Nearly all of the total.
printk-ring class log
symbol log_buf size 8 class log
symbol log_buf_len size 4 class log
symbol clear_seq size 24 class log
symbol printk_rb_static size 88 class log
symbol printk_rb_dynamic size 88 class log

# Who this kernel is. crash and drgn refuse to start without VMCOREINFO.
vmcoreinfo
symbol linux_banner size 512  # kallsyms has no symbol behind it
symbol init_uts_ns size 432
symbol saved_command_line size 8
section kernel_config_data kernel_config_data_end optional  # CONFIG_IKCONFIG

# How its memory is laid out. crash needs the three bases in every mode; drgn walks the page tables
# from the top one, and the static ones below it map the kernel image.
symbol page_offset_base size 8 optional  # CONFIG_DYNAMIC_MEMORY_LAYOUT
symbol vmalloc_base size 8 optional
symbol vmemmap_base size 8 optional
symbol phys_base size 8
symbol __pgtable_l5_enabled size 4 optional
symbol init_top_pgt?swapper_pg_dir
symbol level4_kernel_pgt optional
symbol level3_kernel_pgt optional
symbol level2_kernel_pgt optional
symbol level2_fixmap_pgt optional
symbol level1_fixmap_pgt optional
symbol init_mm
symbol high_memory size 8
symbol mem_section size 8
symbol node_data?contig_page_data
symbol node_states
symbol _totalram_pages?totalram_pages
symbol nr_swapfiles size 4 optional  # CONFIG_SWAP

# CPUs. crash reads all of __per_cpu_offset: 64 KiB where NR_CPUS is 8192.
symbol __per_cpu_offset
symbol __cpu_possible_mask?cpu_possible_bits
symbol __cpu_present_mask?cpu_present_bits
symbol __cpu_online_mask?cpu_online_bits
symbol __cpu_active_mask?cpu_active_bits
symbol nr_cpu_ids size 4
symbol cpu_khz size 4 optional
percpu runqueues
percpu current_task?pcpu_hot optional
percpu cpu_number size 4 optional
symbol idt_table optional

# Time, tasks and state in a few words.
symbol jiffies_64?jiffies size 8
symbol tk_core?timekeeper optional
symbol shadow_timekeeper optional
symbol avenrun size 24 optional
symbol nr_threads size 4
symbol nr_irqs size 4
symbol init_task
symbol init_pid_ns
symbol arch_task_struct_size size 4 optional
symbol modules size 16 optional
symbol system_state size 4
symbol tainted_mask size 8
symbol taint_flags
symbol panic_cpu size 4
symbol crashing_cpu size 4 optional
symbol oops_in_progress size 4
