#!/usr/bin/env bash
# What changed in the lessons since a commit, as Markdown: sources and printed results as text, figures as their hash.
#   .github/lesson_diff.sh COMMIT
set -euo pipefail
base="$(git merge-base "$1" HEAD)"
python="${PYTHON:-.venv/bin/python}"
before="$(mktemp -d)"
trap 'rm -rf "$before"' EXIT
git diff --name-only --diff-filter=AM "$base" -- 'episodes/*.ipynb' | while read -r lesson; do
  old="$before/$(basename "$lesson")"
  git show "$base:$lesson" > "$old" 2>/dev/null && "$python" -m tools text "$old" > "$old.txt" || : > "$old.txt"
  "$python" -m tools text "$lesson" > "$old.new.txt"
  printf '<details><summary>%s</summary>\n\n````diff\n' "$lesson"
  diff -U 2 --label before --label now "$old.txt" "$old.new.txt" | head -c 80000 || true
  printf '\n````\n</details>\n\n'
done
