# SPDX-License-Identifier: GPL-3.0-or-later
import sys
print "forbidden warning:", sys.argv[1]
