# SPDX-License-Identifier: GPL-3.0-or-later
use strict;
require "values.pl";
print answer(), "\n";
