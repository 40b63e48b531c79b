# SPDX-License-Identifier: GPL-3.0-or-later
@known = (1, 2, 3);
$ref = {};
print scalar(@known) if defined(@known);
print " none\n" if !defined(@unknown) && !defined(%hash) && !defined $ref->{undefined};
