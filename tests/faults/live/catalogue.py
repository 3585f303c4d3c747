"""All rows of the campaign over real processes."""

import rows_processes

ROWS = [*rows_processes.ROWS]
