# SPDX-License-Identifier: Apache-2.0
# How a driver's author adds what a dump of their driver needs: one variable of the driver, and three
# pointers to follow from it. The driver here is 8250, the serial ports of a PC; README.md beside this
# file goes through it line by line.
include crash

# The driver's own table of ports: 4 of them on most kernels.
root serial8250_ports object uart_8250_port elements 4 priority 5

type uart_8250_port
  port.state pointer       # struct uart_state, by the kernel's own types
  port.name string 32
  port.dev pointer

type uart_state
  port.tty pointer         # whoever has the port open

type tty_struct class task
  disc_data pointer bytes 256  # void *: the types do not say what it is
type device bytes 512
