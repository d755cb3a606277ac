#!/usr/bin/env bash
# Run a list of jobs one after another; after a cut the same call goes on where it stopped.
#
#   bash tools/queue.sh LIST DIR
#
#   LIST   a text file: one job a line, its name, a blank, its command; lines that begin with # are remarks
#   DIR    folder for NAME.log of each job, and NAME.done once it has ended well
#
# A job that is done is never run again. One that was cut off is: trainings of this library then resume. One that fails is told,
# and the next one goes on; the status is 1 if any failed. Two queues never share a folder.
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,10p' "$0" >&2; exit 2; }
list=$1 dir=$2
[ -f "$list" ] || { echo "queue: $list: no such file" >&2; exit 2; }
mkdir -p "$dir"
exec 9> "$dir/lock"
flock -n 9 || { echo "queue: $dir: another queue works there" >&2; exit 2; }

# Names are unique, for a job is known by its name.
twice=$(awk '!/^[[:space:]]*(#|$)/ { print $1 }' "$list" | sort | uniq -d | head -n 1)
[ -z "$twice" ] || { echo "queue: $list: two jobs are called $twice" >&2; exit 2; }

failed=0
while read -r name command; do
    case $name in '' | '#'*) continue ;; esac
    if [ -e "$dir/$name.done" ]; then
        echo "$name: done before"
        continue
    fi
    printf '%s: %s\n' "$name" "$command"
    if bash -c "$command" >> "$dir/$name.log" 2>&1 9>&- < /dev/null; then
        date -u +%FT%TZ > "$dir/$name.unfinished"
        mv "$dir/$name.unfinished" "$dir/$name.done"
    else
        echo "$name: failed with status $?, see $dir/$name.log" >&2
        failed=1
    fi
done < "$list"
exit $failed
