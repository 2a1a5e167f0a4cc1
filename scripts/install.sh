#!/bin/sh
# Install snowflake-mcp as a systemd service, or take it away again; safe to repeat.
set -eu

usage() {
    cat <<'END'
usage: sh scripts/install.sh [options]

  --dry-run       say what would be done, change nothing
  --no-start      install, but do not enable or start the service
  --no-charts     leave out what draws pictures of results (about 100 MB)
  --demo          install the embedded demo warehouse too, and serve it until a connection is
                  configured
  --package SPEC  what pip installs [the folder this script belongs to]
  --root DIR      put the files under DIR instead of / and run no systemd command (for images)
  --uninstall     remove service, program and units; keep configuration, state and logs
  --purge         with --uninstall: remove those and the user as well
  --help          this text

Files: /opt/snowflake-mcp/venv, /etc/snowflake-mcp, /var/lib/snowflake-mcp,
/var/log/snowflake-mcp, units under /etc/systemd/system. A configuration that is there is
never overwritten. PYTHON names the interpreter to use (3.11 or later).
END
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
dry='' start=yes demo='' charts=yes package='' root='' uninstall='' purge=''
while [ $# -gt 0 ]; do
    case $1 in
        --dry-run) dry=yes ;;
        --no-start) start='' ;;
        --demo) demo=yes ;;
        --no-charts) charts='' ;;
        --package) package=${2:?--package needs a value}; shift ;;
        --root) root=${2:?--root needs a folder}; start=''; shift ;;
        --uninstall) uninstall=yes ;;
        --purge) purge=yes ;;
        --help) usage; exit 0 ;;
        *) echo "install.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
    esac
    shift
done
if [ -n "$purge" ] && [ -z "$uninstall" ]; then
    echo "install.sh: --purge needs --uninstall" >&2
    exit 2
fi
if [ -z "$dry$root" ] && [ "$(id -u)" != 0 ]; then
    echo "install.sh: needs root (or --dry-run, or --root DIR)" >&2
    exit 1
fi

opt=$root/opt/snowflake-mcp
etc=$root/etc/snowflake-mcp
units=$root/etc/systemd/system
name=snowflake-mcp
demo_unit=$units/$name.service.d/demo.conf
changed=''

run() {
    echo "+ $*"
    [ -n "$dry" ] || "$@"
}

# Only what differs is copied, so that a repeated run says nothing and restarts nothing.
put() { # source target mode
    if ! cmp -s "$1" "$2"; then
        run install -D -m "$3" "$1" "$2"
        changed=yes
    fi
}

put_once() { # source target mode: for what an operator edits
    if [ -e "$2" ]; then
        echo "= $2 is there and stays as it is"
    else
        put "$1" "$2" "$3"
    fi
}

systemd() { # a command of systemd; nothing where systemd does not run or files go elsewhere
    if [ -z "$root" ] && [ -d /run/systemd/system ]; then
        run "$@"
    fi
}

remove() {
    for path in "$@"; do
        if [ -e "$path" ] || [ -L "$path" ]; then
            run rm -rf "$path"
        fi
    done
}

unit_files() {
    (cd "$here/systemd" && ls snowflake-mcp*.service snowflake-mcp*.socket)
}

instances() { # units of the template that systemd knows
    if [ -z "$root" ] && [ -d /run/systemd/system ]; then
        systemctl list-units --all --plain --no-legend "$name@*.socket" "$name@*.service" \
            | cut -d' ' -f1
    fi
}

if [ -n "$uninstall" ]; then
    for unit in $(instances); do systemd systemctl disable --now "$unit"; done
    if [ -e "$units/$name.service" ]; then
        systemd systemctl disable --now $name.socket $name.service
    fi
    for unit in $(unit_files); do remove "$units/$unit"; done
    remove "$demo_unit" "$opt" "$root/etc/logrotate.d/$name" "$root/var/cache/$name"
    if [ -n "$purge" ]; then
        remove "$etc" "$root/var/lib/$name" "$root/var/log/$name"
        for unit in $(unit_files); do remove "$units/$unit.d"; done
        remove "$root/etc/sysusers.d/$name.conf" "$root/etc/tmpfiles.d/$name.conf"
        if [ -z "$root" ] && id $name >/dev/null 2>&1; then
            run userdel $name
        fi
    else
        echo "= kept: $etc, $root/var/lib/$name, $root/var/log/$name (--purge removes them)"
    fi
    systemd systemctl daemon-reload
    exit 0
fi

python=$(sh "$here/scripts/find-python.sh")
echo "= Python: $python"
if [ -z "$package" ]; then
    package=$here
fi
extras=${charts:+charts}
extras=$extras${demo:+${extras:+,}demo}
if [ -n "$extras" ]; then
    package="${package}[$extras]"
fi

# user and folders
put "$here/systemd/sysusers.d/$name.conf" "$root/etc/sysusers.d/$name.conf" 644
put "$here/systemd/tmpfiles.d/$name.conf" "$root/etc/tmpfiles.d/$name.conf" 644
if [ -z "$root" ]; then
    run systemd-sysusers "$name.conf"
    run systemd-tmpfiles --create "$name.conf"
fi

# program
if [ ! -x "$opt/venv/bin/python" ]; then
    run install -d -m 755 "$opt"
    run "$python" -m venv "$opt/venv"
fi
run "$opt/venv/bin/python" -m pip install --quiet --upgrade "$package"
if [ -z "$dry" ]; then
    # twistd cannot write its list of plugins later: the service sees this folder read-only.
    "$opt/venv/bin/python" -c 'from twisted.plugin import IPlugin, getPlugins; list(getPlugins(IPlugin))'
    echo "= $("$opt/venv/bin/snowflake-mcp" check-config --version)"
    "$opt/venv/bin/python" -m pip freeze > "$opt/packages.new"
    if cmp -s "$opt/packages.new" "$opt/packages"; then
        rm "$opt/packages.new"
    else
        mv "$opt/packages.new" "$opt/packages"
        changed=yes
    fi
fi

# configuration
put_once "$here/deploy/etc/config.toml" "$etc/config.toml" 640
put_once "$here/deploy/etc/environment" "$etc/environment" 640
if [ -z "$root" ]; then
    run chown "root:$name" "$etc/config.toml" "$etc/environment"
fi
put "$here/deploy/logrotate/$name" "$root/etc/logrotate.d/$name" 644

# service
for unit in $(unit_files); do put "$here/systemd/$unit" "$units/$unit" 644; done
if [ -n "$demo" ]; then
    drop_in=$(mktemp)
    sed -n 's/^ExecStart=\(.*\) --no-demo \(.*\)$/[Service]\nExecStart=\nExecStart=\1 \2/p' \
        "$here/systemd/$name.service" > "$drop_in"
    put "$drop_in" "$demo_unit" 644
    rm -f "$drop_in"
elif [ -e "$demo_unit" ]; then
    remove "$demo_unit"
    changed=yes
fi
systemd systemctl daemon-reload
if [ -z "$start" ]; then
    echo "= installed; start it with: systemctl enable --now $name.socket $name.service"
elif [ -z "$demo" ] && ! grep -qs '^\[connections' "$etc/config.toml" \
    && ! grep -qs '^SNOWFLAKE_ACCOUNT=' "$etc/environment"; then
    echo "= installed; no connection is configured yet. Write $etc/config.toml, then:"
    echo "    systemctl enable --now $name.socket $name.service"
else
    running=$(instances | grep '\.service$' || true)
    if [ -n "$changed" ]; then
        for unit in $running; do systemd systemctl restart "$unit"; done
    fi
    # The port is that of the instances, if there are any, and not of both.
    if [ -z "$running" ] || systemctl is-enabled --quiet $name.socket; then
        systemd systemctl enable --now $name.socket
        systemd systemctl enable $name.service
        if [ -n "$changed" ]; then
            systemd systemctl restart $name.service
        else
            systemd systemctl start $name.service
        fi
    fi
    echo "= installed; http://127.0.0.1:8000/health/ready says how it is"
fi
