# shellcheck shell=bash
# What deploy/up, deploy/down and deploy/scale share: where things lie in a state directory, how a
# process becomes a supervised service, and how all of them are stopped. Sourced by bash.
#
# STATE/lock        held (flock) by the supervisor and all it started, for as long as one of them lives
# STATE/stack.env   what deploy/up decided: port, scheme, sockets, release directory
# STATE/targets.json  where each process tells its metrics, for Prometheus' file_sd_configs
# STATE/supervise/  one runit service directory per process
# STATE/log/        one svlogd directory per process, bounded, newest in `current`
# STATE/ingest/     spool and API key        STATE/redis/  the append-only log

stack_top=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
stack_log_size=10000000 # bytes of a log file before svlogd starts the next
stack_log_files=5       # old log files kept, per process
scheme=                 # http or https, as STATE/stack.env says
stack_stop_seconds=20   # longest a process may take to stop before it is killed

# Prints a message and ends the script.
stack_die() {
    printf '%s: %s\n' "$(basename "$0")" "$1" >&2
    exit 1
}

# Says which argument is not understood, and what is.
stack_usage() {
    printf '%s: "%s" is not understood\n%s\n' "$(basename "$0")" "$1" "$usage" >&2
    exit 2
}

# Makes PATH absolute without needing it to exist.
stack_absolute() {
    readlink -m -- "$1"
}

# Quotes a value for sh.
stack_quote() {
    printf "'%s'" "${1//\'/\'\\\'\'}"
}

# The word of a command that is shown to people: quoted only when a shell would read it otherwise.
stack_shown() {
    case $1 in *[!A-Za-z0-9_./:@%+,=-]*) stack_quote "$1" ;; *) printf '%s' "$1" ;; esac
}

# Writes the service directory NAME: stack_service NAME "sh lines that export and exec".
# It is made aside and renamed, because the supervisor may look at any moment.
stack_service() {
    local name=$1 body=$2 making=$state/making
    mkdir -p "$state/log/$name"
    printf 's%s\nn%s\n' $stack_log_size $stack_log_files >"$state/log/$name/config"
    rm -rf "$making"
    mkdir -p "$making/log"
    printf '#!/bin/bash\nexec 2>&1\ncd %s || exit 1\n%s\n' "$(stack_quote "$stack_top")" "$body" >"$making/run"
    printf '#!/bin/sh\nexec svlogd %s\n' "$(stack_quote "$state/log/$name")" >"$making/log/run"
    chmod +x "$making/run" "$making/log/run"
    rm -rf "$state/supervise/$name"
    mv "$making" "$state/supervise/$name"
}

# Writes the service directory of detector NUMBER.
stack_detector() {
    mkdir -p "$state/detector-$1"
    stack_service "detector-$1" "export SIEM_INSTANCE=detector-$1
export SIEM_REDIS_URL=$(stack_quote "unix://$sockets/redis.sock")
export SIEM_EVENTS_FROM=$(stack_quote "ipc://$sockets/events.sock")
export SIEM_FINDINGS_TO=$(stack_quote "ipc://$sockets/findings.sock")
export SIEM_SCRATCH_DIR=$(stack_quote "$state/detector-$1")
export SIEM_METRICS_LISTEN=127.0.0.1:$2
exec $(stack_quote "$release/bin/siem-detector")"
}

# Writes STATE/targets.json: where Prometheus finds every process of the stack (file_sd_configs).
stack_targets() {
    local service name address label separator=
    {
        printf '['
        for service in "$state"/supervise/*; do
            [ ! -e "$service/down" ] || continue
            name=$(basename "$service")
            address=$(sed -n "s/^export SIEM_\\(METRICS_\\)\\?LISTEN='\\?\\([^']*\\)'\\?$/\\2/p" "$service/run")
            [ -n "$address" ] || continue
            label=
            case $name in ingest*) [ "$(stack_scheme)" = http ] || label=', "__scheme__": "https"' ;; esac
            printf '%s\n {"targets": ["%s"], "labels": {"job": "%s", "instance": "%s"%s}}' \
                "$separator" "$(stack_reach "${address%:*}"):${address##*:}" "siem-${name%-[0-9]*}" "$name" "$label"
            separator=,
        done
        printf '\n]\n'
    } >"$state/targets.json.new"
    mv "$state/targets.json.new" "$state/targets.json"
}

# The value of an option for the services: of the environment, or of .env, as they read it but for backslashes.
stack_option() {
    local value=${!1:-} blank='[[:blank:]]'
    if [ -z "$value" ] && [ -e "$stack_top/.env" ]; then
        value=$(sed -n "s/^$blank*\(export$blank\{1,\}\)\{0,1\}$1$blank*=[[:space:]]*/=/p" "$stack_top/.env" | tail -n 1)
        value=${value#=}
        case $value in
        \'*) value=${value#\'} value=${value%%\'*} ;;
        \"*) value=${value#\"} value=${value%%\"*} ;;
        \#*) value= ;;
        *) value=$(printf '%s' "${value%%[[:blank:]]#*}" | sed 's/[[:space:]]*$//') ;;
        esac
    fi
    printf '%s' "$value"
}

# How a URL names the host part HOST of what is listened on: for all addresses this machine's own, IPv6 in brackets.
stack_reach() {
    case $1 in
    0.0.0.0) printf 127.0.0.1 ;;
    :: | '[::]') printf '[::1]' ;;
    '['*) printf '%s' "$1" ;;
    *:*) printf '[%s]' "$1" ;;
    *) printf '%s' "$1" ;;
    esac
}

# How the API is spoken to: as deploy/up decided.
stack_scheme() {
    if [ -n "${scheme:-}" ]; then printf '%s' "$scheme"
    elif [ -n "$(stack_option SIEM_TLS_CERTIFICATE)" ]; then printf https
    else printf http; fi
}

# The API key that works here: of the environment, of .env, or the one ingest made.
stack_key() {
    local key
    key=$(stack_option API_KEY)
    [ -n "$key" ] || key=$(cat "$state/ingest/api_key" 2>/dev/null) || true
    printf '%s' "$key"
}

# True when somebody accepts connections on 127.0.0.1:PORT.
stack_port_taken() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Sets `port_found` to the first free port from FROM on that is not in `ports_given`.
stack_free_port() {
    port_found=$1
    while [[ " ${ports_given:-} " == *" $port_found "* ]] || stack_port_taken "$port_found"; do
        port_found=$((port_found + 1))
    done
    ports_given="${ports_given:-} $port_found"
}

# True while a stack runs on this state directory.
stack_running() {
    [ ! -d "$state" ] || [ -x "$state" ] ||
        stack_die "$state belongs to $(stat -c %U "$state"); run this as that user, or as root"
    [ -e "$state/lock" ] && ! flock -n "$state/lock" true
}

# The supervisor's process id, if the one noted is ours and alive.
stack_supervisor() {
    local pid
    pid=$(cat "$state/supervisor.pid" 2>/dev/null) && [ -r "/proc/$pid/cmdline" ] || return 1
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "runsvdir -P $state/supervise" || return 1
    printf '%s' "$pid"
}

# Stops one service and says so: SIGTERM, and SIGKILL only after stack_stop_seconds.
stack_stop_service() {
    [ -d "$state/supervise/$1/supervise" ] || return 0
    printf '  stopping %s\n' "$1"
    sv -w $stack_stop_seconds force-stop "$state/supervise/$1" >/dev/null || true
}

# Stops everything: what takes events first, so that the others can finish them; Redis last.
stack_stop() {
    local pid detector service
    # shellcheck disable=SC1091
    [ ! -e "$state/stack.env" ] || . "$state/stack.env"
    stack_stop_service demo
    stack_stop_service ingest
    for detector in "$state"/supervise/detector-*; do
        stack_stop_service "$(basename "$detector")"
    done
    stack_stop_service incident
    stack_stop_service alerter
    stack_stop_service redis
    if pid=$(stack_supervisor); then
        kill -HUP "$pid"
    else # it was killed: what it started ends only when each is told
        for service in "$state"/supervise/*; do
            [ ! -d "$service/supervise" ] || sv exit "$service" >/dev/null || true
        done
    fi
    flock -w $stack_stop_seconds "$state/lock" true || {
        printf 'Something still holds %s; see: fuser %s\n' "$state/lock" "$(stack_shown "$state/lock")" >&2
        return 1
    }
    case ${sockets:-} in # those that stand elsewhere are of this run alone
    "$state"/* | '') ;;
    */siem-????????????) rm -rf -- "$sockets" ;;
    esac
    rm -f "$state/supervisor.pid" "$state/stack.env"
}
