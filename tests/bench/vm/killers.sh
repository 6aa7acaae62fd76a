#!/bin/bash
# Inside of a virtual machine with cgroup v2: has one of those who end leaks on duty, and lets leaks loose, one after the
# other, each in a container's cgroup with a limit.
#   killers.sh WHO RUNS        WHO: oom-guard, nobody, earlyoom, nohang, systemd-oomd
# Prints for each leak "leak DEAD OOM_KILLS PEAK_BYTES MILLISECONDS"; DEAD is 1 or 0, where nobody has ended it.
set -eu
who=$1 runs=$2
limit=$((100 << 20))
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
for ((run = 0; run < runs; run++)); do
  box=$slice/box-$who-$run
  mkdir "$box"
  echo "$limit" >"$box/memory.max"
  sleep 1
  started=$(date +%s%3N)
  /payload/leak "$box/cgroup.procs" 300 rate=40 hold >/dev/null & leak=$!
  for ((i = 0; i < 150; i++)); do kill -0 $leak 2>/dev/null || break; sleep 0.1; done
  dead=1; ! kill -0 $leak 2>/dev/null || dead=0
  echo "leak $dead $(field memory.events oom_kill) $(cat "$box/memory.peak") $(($(date +%s%3N) - started))"
  kill -9 $leak 2>/dev/null || true
  wait $leak 2>/dev/null || true
  rmdir "$box" || true
done

[ -z "$duty" ] || { kill "$duty"; wait "$duty" || true; }
[ "$who" != systemd-oomd ] || systemctl stop systemd-oomd.socket systemd-oomd
