# One line a stage, the whole output in build/logs, the tail of it when a stage fails.
# Sourced by tools/test, in the root of the tree, with `root` set.

stages_passed=0
stages_failed=0
stages_skipped=0
stages_began=$SECONDS
stages_broken_build=''

# skip WHY: called by a stage that cannot run here.
skip() {
  printf '%s\n' "$1" >"$root/build/logs/.skipped"
}

# How many tests the log of a stage tells of: CTest's closing line counts programs,
# run_tests of tools/test the cases in them.
test_counts() {
  awk '
    /tests passed, .* tests failed out of/ { programs += $NF }
    /^test cases: / { cases += $NF }
    /^SKIPPED: / { skipped++ }
    END {
      if (programs) printf "(%d test programs, %d cases", programs, cases
      if (skipped) printf ", %d SKIPPED", skipped
      if (programs) printf ")"
    }' "$1"
}

# stage NAME COMMAND...: runs the command in a subshell. After a failed build what needs that build
# is skipped.
stage() {
  local name=$1
  shift
  local slug log began status seconds
  slug=$(printf '%s' "$name" | tr -c 'A-Za-z0-9\n' '-')
  log=$root/build/logs/$slug.log
  mkdir -p "$root/build/logs"
  rm -f "$root/build/logs/.skipped"
  printf '%-28s ' "$name"
  if [ -n "$stages_broken_build" ] && [[ $name != *build* ]]; then
    printf 'SKIPPED  (%s failed)\n' "$stages_broken_build"
    stages_skipped=$((stages_skipped + 1))
    return
  fi
  began=$(date +%s.%N)
  ("$@") >"$log" 2>&1 </dev/null
  status=$?
  seconds=$(awk -v a="$began" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f", b - a }')
  if [ "$status" -eq 0 ] && [ -e "$root/build/logs/.skipped" ]; then
    printf 'SKIPPED  (%s)\n' "$(cat "$root/build/logs/.skipped")"
    stages_skipped=$((stages_skipped + 1))
  elif [ "$status" -eq 0 ]; then
    printf 'ok      %7s s  %s\n' "$seconds" "$(test_counts "$log")"
    stages_passed=$((stages_passed + 1))
    if [[ $name == *build* ]]; then stages_broken_build=''; fi
  else
    printf 'FAILED  %7s s\n' "$seconds"
    stages_failed=$((stages_failed + 1))
    if [[ $name == *build* || $name == packages ]]; then stages_broken_build=$name; fi
    printf -- '--- the last lines of %s\n' "${log#"$root"/}"
    tail -n 80 "$log"
    printf -- '---\n'
  fi
}

# Prints the summary and ends the script: 0 if nothing failed and something passed.
finish() {
  printf '%d s in all; logs in build/logs\n' $((SECONDS - stages_began))
  if [ "$stages_skipped" -gt 0 ]; then
    printf '%d passed, %d failed, %d skipped\n' "$stages_passed" "$stages_failed" "$stages_skipped"
  else
    printf '%d passed, %d failed\n' "$stages_passed" "$stages_failed"
  fi
  [ "$stages_failed" -eq 0 ] && [ "$stages_passed" -gt 0 ]
  exit
}
