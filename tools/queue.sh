#!/usr/bin/env bash
# Run a list of jobs one after another; after a cut the same call goes on where it stopped.
#
#   bash tools/queue.sh LIST DIR
#
#   LIST   a text file: one job a line, its name (letters, digits, . _ -), a blank, its command; lines that begin with # are remarks
#   DIR    folder for NAME.log of each job, and NAME.done once it has ended well
#
# A job that is done is never run again. One that was cut off is: trainings of this library then resume. One that fails is told,
# and the next one goes on; the status is 1 if any failed. Ctrl-C and SIGTERM are handed to the job that runs, waited for, and end
# the queue (130, 143). Two queues never share a folder.
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,11p' "$0" >&2; exit 2; }
list=$1 dir=$2
refuse() { echo "queue: $1" >&2; exit 2; }
[ -f "$list" ] || refuse "$list: no such file"
mkdir -p "$dir" 2> /dev/null || refuse "$dir: is no folder, and none can be made there; name another"
exec 9> "$dir/lock"
flock -n 9 || refuse "$dir: another queue works there"

# Jobs, whatever ends their lines; a job is known by its name, which is part of a file's name.
names=() commands=()
while read -r name command || [ -n "$name" ]; do
    name=${name%$'\r'} command=${command%$'\r'}
    case $name in '' | '#'*) continue ;; esac
    [[ $name =~ ^[[:alnum:]_][[:alnum:]._-]*$ ]] || refuse "$list: '$name' is no name for a job: use letters, digits, . _ -"
    [ -n "$command" ] || refuse "$list: $name has no command"
    case " ${names[*]-} " in *" $name "*) refuse "$list: two jobs are called $name" ;; esac
    names+=("$name") commands+=("$command")
done < "$list"
[ ${#names[@]} -gt 0 ] || refuse "$list: has no jobs"

# What is asked of the queue is asked of its job.
job='' asked=0
hand_on() {
    asked=$2
    [ -z "$job" ] || kill -s "$1" -- "-$job" 2> /dev/null || true
}
trap 'hand_on INT 130' INT
trap 'hand_on TERM 143' TERM
trap 'hand_on HUP 129' HUP

# A training that a signal stopped is not done: it says so by a status of its own.
export SPEECH2IMG_STOPPED_STATUS=75
failed=0
for number in "${!names[@]}"; do
    name=${names[number]} command=${commands[number]}
    if [ -e "$dir/$name.done" ]; then
        echo "$name: done before"
        continue
    fi
    printf '%s: %s\n' "$name" "$command"
    env --default-signal=INT,QUIT setsid bash -c "$command" >> "$dir/$name.log" 2>&1 9>&- < /dev/null &
    job=$! status=0
    wait "$job" || status=$?
    # A signal ends the wait, not the job.
    while kill -0 "$job" 2> /dev/null; do wait "$job" || status=$?; done
    job=''
    if [ "$asked" -ne 0 ]; then
        echo "$name: stopped; the same call goes on" >&2
        exit "$asked"
    elif [ "$status" -eq 0 ]; then
        date -u +%FT%TZ > "$dir/$name.unfinished"
        mv "$dir/$name.unfinished" "$dir/$name.done"
    elif [ "$status" -eq "$SPEECH2IMG_STOPPED_STATUS" ]; then
        echo "$name: stopped before its end, see $dir/$name.log; the same call goes on" >&2
        failed=1
    else
        echo "$name: failed with status $status, see $dir/$name.log" >&2
        failed=1
    fi
done
exit $failed
