# SPDX-License-Identifier: Apache-2.0
# The smallest useful dump: who the kernel was and what it said last. `crash --minimal`, drgn and gdb show
# the log of such a core, and nothing else. The language: README.md beside this file.

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
symbol kexec_crash_image size 8 optional

# State in a few words.
symbol jiffies_64?jiffies size 8
symbol system_state size 4
symbol tainted_mask size 8
symbol panic_cpu size 4
symbol crashing_cpu size 4 optional
symbol oops_in_progress size 4
