# SPDX-License-Identifier: GPL-3.0-or-later
# Completion of pmkmod's command line for fish. Names of devices and modules are asked of pmkmod itself.

# The words before the cursor that are neither options nor their values: the command, its arguments.
function __pmkmod_words
    set -l value_options -o --config --emulate --kdir --source --kernel-config --image --symvers --cc \
        --aport --sign-key --emit-aport --device --kernel-dir --verdict --kernel --phone --host --port \
        --user --timeout --report --engine --emit --shared --plan --task -j --jobs
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
        else if contains -- $word $value_options
            set skip 1
        else if not string match -q -- '-*' $word
            echo $word
        end
    end
end

function __pmkmod_no_command
    test (count (__pmkmod_words)) = 0
end

# __pmkmod_at N COMMAND...: the cursor is at argument N (0: any) of one of these commands
function __pmkmod_at
    set -l words (__pmkmod_words)
    test (count $words) -gt 0; or return 1
    contains -- $words[1] $argv[2..-1]; or return 1
    test $argv[1] = 0 -o (count $words) = $argv[1]
end

# First column of a list, without its heading: __pmkmod_names devices|modules
function __pmkmod_names
    set -l words (commandline -opc)
    set -l config
    if set -l at (contains -i -- --config $words); and test (count $words) -gt $at
        set config --config $words[(math $at + 1)]
    end
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    $program (string replace -r '^~/' "$HOME/" -- $config) -q list $argv[1] 2>/dev/null </dev/null | string replace -rf '^(\S+).*' '$1' | tail -n +2
end

complete -c pmkmod -f

complete -c pmkmod -n __pmkmod_no_command -a build -d 'Build a module and export it as an apk package'
complete -c pmkmod -n __pmkmod_no_command -a matrix -d 'Build many modules for many devices, only what has changed'
complete -c pmkmod -n __pmkmod_no_command -a run-cell -d 'As a worker, build cells of a plan'
complete -c pmkmod -n __pmkmod_no_command -a merge-cells -d 'Check, sign and publish what workers have built'
complete -c pmkmod -n __pmkmod_no_command -a boot -d 'Load the built module in the kernel of the phone under qemu-system'
complete -c pmkmod -n __pmkmod_no_command -a sideload -d 'Put the package onto a phone over ssh and load the module'
complete -c pmkmod -n __pmkmod_no_command -a phone -d 'Read from a phone what kernel it runs'
complete -c pmkmod -n __pmkmod_no_command -a plan -d 'Show every input of a build with its hash; run nothing'
complete -c pmkmod -n __pmkmod_no_command -a check -d 'Say whether a kernel takes these modules, and why not'
complete -c pmkmod -n __pmkmod_no_command -a headers -d 'Make the packages with the headers and helper programs of the kernel'
complete -c pmkmod -n __pmkmod_no_command -a list -d 'Show the devices or modules there are'
complete -c pmkmod -n __pmkmod_no_command -a shell -d 'Look around in the root in which modules of a device are built'
complete -c pmkmod -n __pmkmod_no_command -a log -d 'Show the log of the newest build'
complete -c pmkmod -n __pmkmod_no_command -a symvers -d 'Recover the Module.symvers of a shipped kernel image'
complete -c pmkmod -n __pmkmod_no_command -a signing-kernel -d 'Write a kernel aport whose kernel accepts modules you sign'
complete -c pmkmod -n __pmkmod_no_command -a init -d 'Write a commented profile of a device'
complete -c pmkmod -n __pmkmod_no_command -a stale -d 'Name published packages for which there is a newer kernel'
complete -c pmkmod -n __pmkmod_no_command -a info -d 'Show what a package is for'
complete -c pmkmod -n __pmkmod_no_command -a doctor -d 'Say what this machine lacks, and how to mend it'
complete -c pmkmod -n __pmkmod_no_command -a cache -d 'Sizes, limit and hashes of what is kept to be used again'
complete -c pmkmod -n __pmkmod_no_command -a clean -d 'Remove layers, downloads, or both'

complete -c pmkmod -n '__pmkmod_at 1 build boot sideload plan log phone headers signing-kernel shell init' -a '(__pmkmod_names devices)'
complete -c pmkmod -n '__pmkmod_at 0 stale doctor' -a '(__pmkmod_names devices)'
complete -c pmkmod -n '__pmkmod_at 2 build boot sideload plan log' -F -a '(__pmkmod_names modules)'
complete -c pmkmod -n '__pmkmod_at 1 matrix' -a '(__fish_append , all (__pmkmod_names devices))'
complete -c pmkmod -n '__pmkmod_at 2 matrix' -F -a '(__fish_append , all (__pmkmod_names modules))'
complete -c pmkmod -n '__pmkmod_at 0 check symvers' -F
complete -c pmkmod -n '__pmkmod_at 1 info' -F
complete -c pmkmod -n '__pmkmod_at 1 list' -a 'devices modules verdicts'
complete -c pmkmod -n '__pmkmod_at 1 cache' -a 'stats prune verify'
complete -c pmkmod -n '__pmkmod_at 1 clean' -a 'layers cache all'

complete -c pmkmod -s o -x -d 'Set one value of the configuration'
complete -c pmkmod -l config -r -F -d 'Read this file instead of the usual ones'
complete -c pmkmod -l emulate -x -a 'tools full' -d 'What runs under qemu-user'
complete -c pmkmod -l autoload -d 'The package also loads the module at each start'
complete -c pmkmod -l force -d 'Package a module although the kernel would refuse it'
complete -c pmkmod -l rebuild -d 'Build although nothing has changed'
complete -c pmkmod -l kdir -x -a '(__fish_complete_directories)' -d 'Folder that the kernel was built in'
complete -c pmkmod -l source -r -F -d 'Source of the kernel'
complete -c pmkmod -l kernel-config -r -F -d 'Configuration of the kernel'
complete -c pmkmod -l image -r -F -d 'Kernel image to take exports and configuration from'
complete -c pmkmod -l symvers -r -F -d 'Module.symvers of the kernel'
complete -c pmkmod -l cc -x -a 'gcc gcc6 gcc4 clang' -d 'Compiler of the kernel'
complete -c pmkmod -l aport -x -a '(__fish_complete_directories)' -d 'Aport of the kernel'
complete -c pmkmod -l sign-key -r -F -d 'Sign modules with this key'
complete -c pmkmod -l emit-aport -x -a '(__fish_complete_directories)' -d 'Write aports to this folder'
complete -c pmkmod -l device -x -a '(__pmkmod_names devices)' -d 'check: against the kernel of this device'
complete -c pmkmod -l kernel-dir -x -a '(__fish_complete_directories)' -d 'check: against this folder'
complete -c pmkmod -l json -d 'For programs'
complete -c pmkmod -l verdict -x -a 'ready source symvers signed no-modules arch no-kernel' -d 'List devices of these verdicts alone'
complete -c pmkmod -l kernel -x -d 'Which of the kernels of a device'
complete -c pmkmod -l publish-pmbootstrap -d 'Put the package into the work folder of pmbootstrap too'
complete -c pmkmod -l no-publish-pmbootstrap -d 'Do not put it there'
complete -c pmkmod -l phone -x -a '(__fish_print_hostnames)' -d 'Ask this phone first what kernel it runs'
complete -c pmkmod -l host -x -a '(__fish_print_hostnames)' -d 'Name or address of the phone'
complete -c pmkmod -l port -x -d 'Port of ssh'
complete -c pmkmod -l user -x -d 'Account on the phone'
complete -c pmkmod -l install-key -d 'Make the phone trust the key that signed the package'
complete -c pmkmod -l dry-run -d 'Only say what would be done'
complete -c pmkmod -l keep-going -d 'After a failure, too'
complete -c pmkmod -l only-failed -d 'Only what failed in the last run'
complete -c pmkmod -l report -x -a '(__fish_complete_directories)' -d 'Where the reports go'
complete -c pmkmod -l engine -x -a 'local slurm' -d 'Who builds'
complete -c pmkmod -l emit -x -a 'gitlab slurm' -d 'Write what this takes, and submit nothing'
complete -c pmkmod -l shared -x -a '(__fish_complete_directories)' -d 'Make a plan for other machines in this new folder'
complete -c pmkmod -l wait -d 'Until what was submitted is merged'
complete -c pmkmod -l plan -x -a '(__fish_complete_directories)' -d 'Folder of the plan'
complete -c pmkmod -l task -x -d 'Part I (from 0) of N'
complete -c pmkmod -l timing -d 'Say at the end where the time of a build went'
complete -c pmkmod -l keep -d 'Afterwards a shell in the booted system'
complete -c pmkmod -l timeout -x -d 'How long the boot may take'
complete -c pmkmod -s j -l jobs -x -d 'Parallel jobs of make'
complete -c pmkmod -s v -l verbose -d 'Show the whole output of the build'
complete -c pmkmod -s q -l quiet -d 'Show errors and results only'
complete -c pmkmod -s h -l help -d 'Help, or that of a command'
complete -c pmkmod -l version -d 'Version and licence'
