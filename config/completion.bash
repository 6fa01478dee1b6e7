# bash completion of wirebook and its tools. The options are asked of the programs themselves, so they are always right.
_wirebook() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[0]}
    COMPREPLY=()
    case "$prev" in
    --*file | --script | --resume | --ack-log | --check-config | --print-config | --print-topology | --accounts)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$command" --help 2> /dev/null | grep -oE -- '--[a-z][a-z-]*')" -- "$cur")
    elif [[ ${command##*/} == wirebook-ctl ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_wirebook_ctl_words "$command")" -- "$cur")
        [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2> /dev/null || true
    elif [[ ${command##*/} == wirebook-journal && $prev == --format ]]; then
        mapfile -t COMPREPLY < <(compgen -W "json csv" -- "$cur")
    elif [[ ${command##*/} == wirebook-journal && $COMP_CWORD == 1 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$command" --help 2> /dev/null | sed -n 's/^  wirebook-journal \([a-z]*\) .*/\1/p')" -- "$cur")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    fi
}
# What may come next: a command, or the words of the one that is there; symbols and accounts are asked of a venue that answers.
_wirebook_ctl_words() {
    local verb='' word skip='' usage='' line own=''
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if [ -n "$skip" ]; then
            skip=''
        elif [[ $word == --@(socket|reason|timeout|interval) ]]; then
            skip=yes
        elif [[ $word != -* && -z $verb ]]; then
            verb=$word
        fi
    done
    [ -z "$skip" ] || return
    if [ -z "$verb" ]; then
        "$1" --help 2> /dev/null | sed -n '/^Looking/,$s/^  \([a-z][a-z-]*\) .*/\1/p'
        return
    fi
    # Its line of the help without the description, and the lines that go on with arguments.
    while IFS= read -r line; do
        [[ $line != '  '[a-z]* ]] || { [[ $line == "  $verb "* ]] && own=yes || own=''; }
        if [[ -n $own && ($line == "  $verb "* || $line == '              ['*) ]]; then
            line=${line#"${line%%[! ]*}"}
            usage+=" ${line%%   *}"
        fi
    done < <("$1" --help 2> /dev/null)
    grep -oE '\b[a-z_]+=' <<< "$usage"
    grep -oE '\b(user|firm|venue|short|all)\b' <<< "$usage"
    [ "$verb" != phase ] || echo P T X Z H V wide late closing
    [[ $usage != *SYMBOL* ]] || "$1" --timeout 1 instruments 2> /dev/null | awk 'NR > 1 { print $1 }'
    [[ $usage != *USER* ]] || "$1" --timeout 1 accounts 2> /dev/null | awk 'NR > 1 { print $1 }'
}
complete -o filenames -F _wirebook wirebook wirebook-client wirebook-bench wirebook-journal wirebook-ctl
