#!/bin/bash
# Inside of a virtual machine with cgroup v2: has one of those who end leaks on duty, and lets leaks loose, one after the
# other, each in a cgroup of its own.
#   killers.sh WHO SCENARIO...
#     WHO: oom-guard, nobody, earlyoom, nohang, systemd-oomd
#     SCENARIO: container (has a limit), node (has none: the machine runs low), thrash (is throttled at memory.high while
#     another process beside it reads the same file over and over)
# Prints for each leak "leak SCENARIO DEAD OOM_KILLS PEAK_BYTES MILLISECONDS BYSTANDER_DEAD"; DEAD is 1 or 0, where nobody
# has ended it. What whoever is on duty has logged of a kill follows: "said SCENARIO LINE".
set -eu
who=$1; shift
slice=/sys/fs/cgroup/bench.slice
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# What was unpacked on the host; /lib is a link here.
if [ ! -e /usr/bin/earlyoom ]; then
  tar -C /payload/killers -cf - . | tar -C / --keep-directory-symlink -xf -
  systemd-sysusers
  # Its shortest duration; the pressure is its default, 60 %.
  mkdir -p /etc/systemd/oomd.conf.d
  printf '[OOM]\nDefaultMemoryPressureDurationSec=1s\n' >/etc/systemd/oomd.conf.d/90-bench.conf
  mkdir -p /etc/systemd/system/bench.slice.d
  printf '[Slice]\nMemoryAccounting=yes\nManagedOOMMemoryPressure=kill\n' >/etc/systemd/system/bench.slice.d/bench.conf
  systemctl daemon-reload
  systemctl reload dbus
  # The slice's setting calls it.
  systemctl stop systemd-oomd.socket systemd-oomd
  systemd-run --quiet --slice=bench.slice --unit=keeper -p MemoryAccounting=yes sleep infinity
fi

duty=
case $who in
  oom-guard)
    printf '[kubernetes]\nkubeconfig = "off"\n' >/run/bench.toml
    /payload/oom-guard run --config /run/bench.toml --state-dir /run/bench-state --cgroup-root /bench.slice \
      >/run/duty.log 2>&1 & duty=$!
    for ((i = 0; i < 600; i++)); do ! grep -q ' guards ' /run/duty.log || break; sleep 0.1; done ;;
  nobody) ;;
  earlyoom) earlyoom -r 3600 >/run/duty.log 2>&1 & duty=$!; sleep 2 ;;
  nohang) python3.11 /usr/sbin/nohang --monitor --config /etc/nohang/nohang.conf >/run/duty.log 2>&1 & duty=$!; sleep 8 ;;
  systemd-oomd) systemctl start systemd-oomd; sleep 3 ;;
esac
if [ -n "$duty" ] && ! kill -0 "$duty"; then cat /run/duty.log; exit 1; fi

field() { sed -n "s/^$2 //p" "$box/$1"; }
# The kernel counts for the cgroup and for the machine.
oom_kills() { [ "$1" = node ] && sed -n 's/^oom_kill //p' /proc/vmstat || field memory.events oom_kill; }
log() { [ "$who" != nobody ] || return 0; [ "$who" = systemd-oomd ] && journalctl --unit systemd-oomd --output cat --since "@$began" || cat /run/duty.log; }

available_mb() { echo $(($(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024)); }

# Somebody who has done nothing.
mkdir -p $slice/bystander
/payload/leak $slice/bystander/cgroup.procs 50 hold >/dev/null & bystander=$!
began=$(date +%s) run=0
for scenario; do
  box=$slice/box-$who-$((run += 1))
  mkdir "$box"
  size=300 rate=40 patience=15 helper=
  case $scenario in
    container) echo 100M >"$box/memory.max" ;;
    node) size=1000 rate=30 patience=30
      # What the leak need not use up itself.
      /payload/leak - $(($(available_mb) - 450)) huge hold adj=-990 >/dev/null & helper=$!
      for ((i = 0; i < 300; i++)); do [ "$(available_mb)" -gt 500 ] || break; sleep 0.1; done ;;
    thrash)
      echo 60M >"$box/memory.high"; patience=25
      echo 3 >/proc/sys/vm/drop_caches
      (echo $BASHPID >"$box/cgroup.procs"; while :; do cat /payload/oom-guard >/dev/null; done) 2>/dev/null & helper=$! ;;
  esac
  sleep 1
  lines=$(log | wc -l) kills=$(oom_kills "$scenario")
  started=$(date +%s%3N)
  /payload/leak "$box/cgroup.procs" $size rate=$rate hold >/dev/null & leak=$!
  for ((i = 0; i < patience * 10; i++)); do kill -0 $leak 2>/dev/null || break; sleep 0.1; done
  ended=$(date +%s%3N) dead=1; ! kill -0 $leak 2>/dev/null || dead=0
  gone=0; kill -0 $bystander 2>/dev/null || gone=1
  echo "leak $scenario $dead $(($(oom_kills "$scenario") - kills)) $(cat "$box/memory.peak") $((ended - started)) $gone"
  sleep 1
  log | tail -n +$((lines + 1)) | grep -iE 'kill|sigterm' | sed "s/^/said $scenario /" || true
  kill -9 $leak $helper 2>/dev/null || true
  wait $leak $helper 2>/dev/null || true
  for ((i = 0; i < 50; i++)); do ! rmdir "$box" 2>/dev/null || break; sleep 0.1; done
done

kill -9 $bystander 2>/dev/null || true
[ -z "$duty" ] || { kill "$duty"; wait "$duty" || true; }
[ "$who" != systemd-oomd ] || systemctl stop systemd-oomd.socket systemd-oomd
