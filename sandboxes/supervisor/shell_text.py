"""Bash code around a command: it restores the state of the last call, and saves the new one.

Everything goes through `builtin`, as the state may hold functions of any name. Line breaks become
blanks: all of it stands on one line, so that the line numbers in bash's messages are the command's.
"""

from __future__ import annotations

from bellglass.sandboxes.common.jobs import OLD_STATE_FD

STDERR_FD, COMMAND_FD, NEW_STATE_FD = 56, 57, 59
"""High numbers, out of the way of `exec 3>file`."""

END = b"\n# end of state\n"
"""A state that does not end with this line was cut off, and is not used."""

# First it raises its OOM score, as `job` does for Python: it inherits the supervisor's lower
# score, and the worker would be killed in its place.
# The command is read before the state: after `set -a` it would go into the environment.
_BEGIN = rf"""
{{ echo 1000 >/proc/self/oom_score_adj; }} 2>/dev/null;
IFS= read -rd "" __bellglass_command </dev/fd/{COMMAND_FD};
shopt -s expand_aliases; __bellglass_options=$BASHOPTS:$SHELLOPTS;
{{ source /dev/fd/{OLD_STATE_FD}; }} {STDERR_FD}>&2 2>/dev/null;
command exec {COMMAND_FD}<&- {OLD_STATE_FD}<&-;
builtin trap - ERR DEBUG RETURN; builtin unset -v BASH_EXECUTION_STRING;
"""

_RUN = r'builtin eval -- "$__bellglass_command";'

# The order matters. Functions come late: their names may be those of commands before them, they
# may need extglob, and they would be read with aliases a second time. posix forbids some names.
# `cd` sets OLDPWD.
_DUMP = rf"""
__bellglass_dump() {{
if ((${{#FUNCNAME[@]}} > 2)); then __bellglass_uncover; fi;
if [[ -o posix ]]; then __bellglass_posix=1; fi;
builtin set +euxvn +o posix;
if [[ $__bellglass_options != "$BASHOPTS:$SHELLOPTS" ]]; then __bellglass_options=; fi;
{{
if [[ ! $__bellglass_options ]]; then builtin shopt -p; fi;
builtin printf 'shopt -u expand_aliases\n';
for ((__bellglass_i = ${{#DIRSTACK[@]}} - 1; __bellglass_i > 0; __bellglass_i--)); do
builtin printf 'pushd -n %q >/dev/null\n' "${{DIRSTACK[__bellglass_i]}}";
done;
builtin printf 'cd -- %q 2>/dev/null || echo "%s"%q >&{STDERR_FD}\n'
"$PWD" 'bash: this starts in $PWD, for there is no longer ' "$PWD";
builtin unset -f __bellglass_save __bellglass_dump __bellglass_uncover;
if [[ -v __bellglass_trap ]]; then builtin unset -f trap; fi;
builtin set -- "$__bellglass_options" "${{__bellglass_posix:+builtin set -o posix}}";
builtin unset -v "${{!__bellglass_@}}" PWD DIRSTACK RANDOM SRANDOM LINENO
BASH_ALIASES BASH_CMDS BASH_ARGV0 BASH_COMPAT BASH_XTRACEFD;
builtin declare -p; builtin trap -p; builtin umask -p; builtin alias -p;
if [[ ! $1 ]]; then builtin set +o; fi;
builtin declare -f;
builtin printf 'builtin shopt -s expand_aliases\n%s\n# end of state\n' "$2";
}} >&{NEW_STATE_FD};
}};
"""

# An exit in a function: its locals hide variables of the shell, and only `declare -g` reaches the
# latter. So the variables of the shell are marked with the attribute t, and what has no mark is
# removed. This runs only in a shell that is about to end, or in a copy of one.
_UNCOVER = r"""
__bellglass_uncover() {
builtin mapfile -t __bellglass_names <<<"$(builtin compgen -v)";
for __bellglass_name in "${__bellglass_names[@]}"; do
if [[ -R $__bellglass_name ]]; then builtin declare -gnt "$__bellglass_name";
else builtin declare -gt "$__bellglass_name"; fi;
done;
for __bellglass_name in "${__bellglass_names[@]}"; do
for ((__bellglass_i = ${#FUNCNAME[@]}; __bellglass_i > 0; __bellglass_i--)); do
if [[ ! -R $__bellglass_name && ${!__bellglass_name@a} == *t* ]]; then builtin break; fi;
if [[ $(builtin declare -p "$__bellglass_name") =~ ^declare\ -[a-zA-Z]*t ]]; then builtin break; fi;
if [[ -R $__bellglass_name ]]; then builtin unset -n "$__bellglass_name";
else builtin unset -v "$__bellglass_name" || builtin break; fi;
done;
if [[ -R $__bellglass_name ]]; then builtin declare -gn +t "$__bellglass_name";
else builtin declare -g +t "$__bellglass_name"; fi;
done;
};
"""

# If the command has an EXIT trap of its own, a copy of the shell saves the state before that runs:
# the trap finds everything as the command left it. `set -x` shows none of this: the target of the
# trace is set by a redirection, which is not traced.
_QUIETLY = ">/dev/null 2>&1 {BASH_XTRACEFD}>/dev/null"
_ON_EXIT = (
    "builtin trap '{ [[ ! -v __bellglass_command ]] || __bellglass_save $? exit; } "
    f"{_QUIETLY}' EXIT"
)
_SAVE = rf"""
__bellglass_save() {{
if [[ ! -v __bellglass_action ]]; then __bellglass_dump;
else builtin unset -v BASH_XTRACEFD;
if [[ $2 == exit ]]; then (__bellglass_dump); fi; fi;
builtin return "$1";
}};
{_ON_EXIT};
"""

# A command's own EXIT trap would replace ours. So `trap` saves the state before it runs what it is
# given for EXIT, which finds its $? in either branch. Everything else is passed on. As a function,
# it cannot reset ERR, DEBUG and RETURN for its caller, so it has them do nothing; and a RETURN trap
# would run at its own end, so that is set again then.
_TRAP = rf"""
__bellglass_trap=1;
trap() {{
{{ builtin local -; builtin set +xv; }} 2>/dev/null;
if ((BASH_SUBSHELL)) || [[ "$* " != *@(EXIT|exit|0)\ * && $# -gt 0 && $1 != -p ]]; then
if [[ $1 == -- ]]; then builtin shift; fi;
if [[ "$*" == *@(ERR|DEBUG|RETURN)* && $1 == - ]]; then builtin set -- : "${{@:2}}"; fi;
if [[ $#,$2 == 2,RETURN && $1 != : ]]; then
builtin set -- "builtin trap -- ${{1@Q}} RETURN" RETURN; fi;
builtin trap "$@";
else
builtin trap -- "${{__bellglass_action--}}" EXIT;
builtin trap "$@";
builtin set -- $? "$(builtin trap -p EXIT)";
builtin eval "__bellglass_action=(${{2#trap -- }})";
if [[ $__bellglass_action ]]; then
__bellglass_action=${{__bellglass_action[0]}};
builtin trap "if {{ __bellglass_save \$? exit; }} {_QUIETLY}; then
$__bellglass_action"$'\n'"else $__bellglass_action"$'\n'"fi" EXIT;
else builtin unset -v __bellglass_action;
{_ON_EXIT}; fi;
builtin return "$1"; fi;
}};
"""


def _line(*parts: str) -> str:
    return " ".join(" ".join(parts).split())


_BEFORE = _line(_BEGIN, _DUMP, _UNCOVER, _SAVE)
_OVERRIDE = _line(_TRAP)
_AFTER = _line(_RUN, f"{{ __bellglass_save $?; }} {_QUIETLY}")


def around(command: str) -> str:
    """Return what bash is to run so that it runs `command`, which waits at COMMAND_FD."""
    return " ".join((_BEFORE, _OVERRIDE, _AFTER) if "trap" in command else (_BEFORE, _AFTER))


BACKGROUND = _line(_BEGIN, "builtin trap wait EXIT;", _RUN)
"""A run ends when its background processes do: `server &` is a typical one."""

PROGRAM = _line(
    "{ echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null; shopt -s expand_aliases;",
    f"{{ source /dev/fd/{OLD_STATE_FD}; }} {STDERR_FD}>&2 2>/dev/null;",
    f"command exec {OLD_STATE_FD}<&-; builtin trap - ERR DEBUG RETURN EXIT; builtin set +euxvn;",
    'builtin cd -- "$1" && builtin shift && builtin exec -- "$@"',
)
"""Run a program as the shell would, in the directory that is the first argument."""
