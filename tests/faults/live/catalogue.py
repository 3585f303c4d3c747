"""All rows of the campaign over real processes."""

import rows_configuration
import rows_data
import rows_machine
import rows_network
import rows_processes
import rows_time
import rows_wire

MODULES = (rows_processes, rows_wire, rows_data, rows_time, rows_network, rows_configuration, rows_machine)
ROWS = [row for module in MODULES for row in module.ROWS]

if len({row.id for row in ROWS}) != len(ROWS):
    raise SystemExit("two rows have the same id")
