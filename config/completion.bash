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
        mapfile -t COMPREPLY < <(compgen -W "$("$command" --help 2> /dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p')" -- "$cur")
    elif [[ ${command##*/} == wirebook-journal && $prev == --format ]]; then
        mapfile -t COMPREPLY < <(compgen -W "json csv" -- "$cur")
    elif [[ ${command##*/} == wirebook-journal && $COMP_CWORD == 1 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$command" --help 2> /dev/null | sed -n 's/^  wirebook-journal \([a-z]*\) .*/\1/p')" -- "$cur")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    fi
}
complete -o filenames -F _wirebook wirebook wirebook-client wirebook-bench wirebook-journal wirebook-ctl
