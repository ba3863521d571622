# SPDX-License-Identifier: Apache-2.0
# Bash completion for marrow(1): commands, flags, ids of dumps, names of VMs.
# Install as /usr/share/bash-completion/completions/marrow, or source it.

# Words of a command that are neither flags nor values of flags, on one line. Readline splits
# "host:port" into three words.
_marrow_words() {
  local i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --store | --control | --filter | -f | --order-by | --limit | -n | --output | -o | --gpa | \
        --gva | --length | -l | --detail | --vmlinux | --tls-ca | --tls-cert | --tls-key)
        ((i++))
        while [[ ${COMP_WORDS[i + 1]-} == : ]]; do ((i += 2)); done
        ;;
      -*) ;;
      *) printf '%s ' "${COMP_WORDS[i]}" ;;
    esac
  done
}

# --store, --control and the TLS files as they stand on the line, so that ids come from the same server.
_marrow_servers() {
  local i
  for ((i = 1; i + 1 < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --store | --control | --tls-ca | --tls-cert | --tls-key)
        # Readline may have split "host:port" into three words.
        local value=${COMP_WORDS[i + 1]}
        if [[ ${COMP_WORDS[i + 2]-} == : ]]; then value+=:${COMP_WORDS[i + 3]-}; fi
        printf '%s\n%s\n' "${COMP_WORDS[i]}" "$value"
        ;;
    esac
  done
}

# What a server answers goes onto the command line of a shell: only what cannot mean anything there is
# let through, a line each.
_marrow_dump_ids() {
  local servers
  mapfile -t servers < <(_marrow_servers)
  timeout 2 marrow "${servers[@]}" dumps list --quiet --limit 200 2>/dev/null |
    LC_ALL=C sed -n '/^[0-9a-z]\{26\}$/p'
}

# Names that have blanks or other special characters are left to be typed: columns are two blanks apart.
_marrow_vms() {
  local servers
  mapfile -t servers < <(_marrow_servers)
  timeout 2 marrow "${servers[@]}" vms 2>/dev/null |
    LC_ALL=C sed -n '2,$ s/^\([A-Za-z0-9][A-Za-z0-9._-]*\)  .*/\1/p'
}

_marrow_flags() {
  case $1 in
    "dumps list") printf '%s\n' --filter --order-by --limit --quiet ;;
    "dumps fetch") printf '%s\n' --output ;;
    "dumps read") printf '%s\n' --gpa --gva --length --raw ;;
    "dumps watch") printf '%s\n' --filter ;;
    capture) printf '%s\n' --detail ;;
    crash) printf '%s\n' --vmlinux ;;
    "") printf '%s\n' --version ;;
  esac
  printf '%s\n' --help --json --store --tls-ca --tls-cert --tls-key --control
}

_marrow() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local words command choice choices=()
  COMPREPLY=()
  read -r -a words <<<"$(_marrow_words)"
  command=${words[0]-}
  if [[ $command == dumps && -n ${words[1]-} ]]; then command="dumps ${words[1]}"; fi

  case $previous in
    --output | -o | --vmlinux | --control | --tls-ca | --tls-cert | --tls-key)
      compopt -o default
      return
      ;;
    --order-by) choices=(capture_time receive_time vm host core_bytes) ;;
    --store | --filter | -f | --limit | -n | --gpa | --gva | --length | -l | --detail) return ;;
    *)
      if [[ $current == -* ]]; then
        mapfile -t choices < <(_marrow_flags "$command")
      else
        case $command in
          "") choices=(dumps vms capture crash) ;;
          dumps) choices=(list show log regions fetch read delete watch) ;;
          "dumps show" | "dumps log" | "dumps regions" | "dumps fetch" | "dumps read")
            if [[ -z ${words[2]-} ]]; then mapfile -t choices < <(_marrow_dump_ids); fi
            ;;
          "dumps delete") mapfile -t choices < <(_marrow_dump_ids) ;;
          crash) if [[ -z ${words[1]-} ]]; then mapfile -t choices < <(_marrow_dump_ids); fi ;;
          capture) if [[ -z ${words[1]-} ]]; then mapfile -t choices < <(_marrow_vms); fi ;;
        esac
      fi
      ;;
  esac
  # Not `compgen -W`: it expands its words as the shell does, commands included.
  for choice in "${choices[@]}"; do
    if [[ $choice == "$current"* ]]; then COMPREPLY+=("$choice"); fi
  done
}

complete -F _marrow marrow
