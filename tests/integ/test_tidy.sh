#!/usr/bin/env bash
# make tidy can fail: in a clean tree it finds nothing, and with one violation planted it reports that rule and no other.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=${WB_TMP:-$(mktemp -d)}
clean=$work/clean tree=$work/tree failures=$work/failures
: > "$failures"

make_clean_tree() {
    mkdir -p "$clean"/{engine/base,gateway/session,persist,config,scripts,tests/unit}
    cd "$clean"
    cp "$root"/scripts/{tidy,layers,draws} scripts/
    cp "$root/.clang-format" .
    for folder in engine gateway persist config scripts tests; do echo x > $folder/README.md; done
    printf '#pragma once\n\n/* Twice. */\nint twice(int x);\n' > engine/base/twice.h
    printf '#include "engine/base/twice.h"\n\nint twice(int x)\n{\n    return 2 * x;\n}\n' > engine/base/twice.c
    printf '#include "engine/base/twice.h"\n' > tests/unit/test_twice.c
    printf '#pragma once\n' | tee engine/engine.h gateway/gateway.h gateway/session/soup.h > persist/persist.h
    git init -q .
}

fail() { echo "FAIL: $*" | tee -a "$failures"; }

# expect RULES FILE: what stands on stdin is appended to FILE of a clean tree; tidy must report RULES and nothing else.
expect() {
    local rules=$1 file=$2 out got
    rm -rf "$tree"
    cp -r "$clean" "$tree"
    cd "$tree"
    mkdir -p "$(dirname "$file")"
    cat >> "$file"
    [ -s "$file" ] || rm "$file"
    git add -A
    out=$(scripts/tidy || true)
    got=$(sed -n 's/^[^: ]*:[0-9]*: \([a-z-]*\): .*/\1/p' <<< "$out" | sort -u | xargs)
    [[ $out == *"tidy: "*" findings" && $got == "$rules" ]] ||
        fail "planted ${rules:-nothing} in $file, tidy reports ${got:-nothing}: $out"
}

# The same for a line of code, within a function where it is well formatted.
expect_code() { printf '\nvoid f(void);\nvoid f(void)\n{\n    %s;\n}\n' "$3" | expect "$1" "$2"; }

make_clean_tree
src=engine/base/twice.c
printf '/* x */\n%.0s' {1..500} | expect file-size $src
printf '/* %0100d */\n' 1 | expect columns $src
printf '/* a\tb */\n' | expect tab $src
printf '/* a\n \n b */\n' | expect trailing-space $src
printf '/* TO%s: later */\n' DO | expect unfinished $src
echo '/* see twice.c, thrice.h and README.md */' | expect comment-file $src
{
    printf '\nvoid f(void);\nvoid f(void)\n{\n'
    printf '    twice(1);\n%.0s' {1..68}
    printf '}\n'
} | expect function-size $src
printf 'int  y;\n' | expect format $src

for call in 'strcpy(a, b)' 'strcat(a, b)' 'sprintf(a, b)' 'vsprintf(a, b, c)' 'gets(a)' 'atoi(a)' 'atol(a)' 'atof(a)' \
    'strtok(a, b)' 'rand()' 'srand(1)' 'alloca(1)' 'assert(a)'; do
    expect_code banned-call $src "$call"
done
expect_code banned-call tests/unit/test_twice.c 'strcpy(a, b)'
for call in 'time(a)' 'gettimeofday(a, b)' 'clock_gettime(a, b)'; do expect_code clock $src "$call"; done
for call in 'malloc(1)' 'calloc(1, 1)' 'realloc(a, 1)' 'free(a)' 'strdup(a)' 'aligned_alloc(8, 8)' \
    'posix_memalign(a, 8, 8)' 'strndup(a, 1)'; do expect_code heap $src "$call"; done

random='int below(int n);\nstatic int some(void)\n{\n    return below(2);\n}\n'
for line in 'twice(below(1), some())' 'x[below(1)] = some()' 'int x[] = {some(), below(1)}' $'if (x)\n        x[below(1)] ^= some()'; do
    printf "$random"'\nvoid f(void)\n{\n    %s;\n}\n' "$line" | expect draws tests/lib/some.c
done
for line in 'int x = some() + twice(below(1))' $'if (some())\n        x = below(1)' \
    $'for (x = some(); some(); x++)\n        y = below(1)' \
    'twice(below(1), thrice())'; do
    printf "$random"'\nvoid f(void)\n{\n    %s;\n}\n' "$line" | expect '' tests/lib/some.c
done

echo '#include "twice.h"' | expect 'include-path layers' $src
echo '#include <engine/base/twice.h>' | expect include-path $src
for header in liburing.h libpq-fe.h hiredis/hiredis.h msgpack.h yaml.h sodium.h rte_ether.h; do
    echo "#include <$header>" | expect library-home $src
done

echo '#include "engine/engine.h"' | expect layers $src
echo '#include "gateway/gateway.h"' | expect layers engine/engine.h
echo '#include "persist/persist.h"' | expect layers gateway/gateway.h
echo '#include "gateway/gateway.h"' | expect layers persist/persist.h
echo '#include "engine/engine.h"' | expect layers persist/persist.h
echo '#include "engine/engine.h"' | expect layers gateway/gateway.h
echo '#include "gateway/gateway.h"' | expect layers gateway/session/soup.h
echo '#include "gateway/session/soup.h"' | expect layers gateway/net/tcp.h
echo '#include "gateway/session/soup.h"' | expect layers gateway/client/wb_client.h
echo '#include <stdio.h>' | expect layers engine/match.h
echo 'struct a;' | expect 'layers top-level' other/a.h

echo 'uint32_t y;' | expect header-alone engine/base/twice.h
printf 'struct a {\n    int x;\n};\n' | expect header-alone engine/alone.h # no guard
printf 'int thrice;\n' | expect header engine/base/thrice.c
printf '#pragma once\n' > "$clean/engine/base/half.h"
printf '#include "engine/base/half.h"\n' | expect test engine/base/half.c
echo x | expect top-level src/notes.txt
rm "$clean/config/README.md"
expect readme config/README.md < /dev/null
echo x > "$clean/config/README.md"

# What only looks like a violation.
expect '' $src << 'END'

/* free() and assert(x) of a comment; "strcpy(a, b)" of a string. */
struct ops {
    void (*free)(void *memory);
};
_Static_assert(sizeof(int) == 4, "strcpy(a, b)");
END

[ ! -s "$failures" ] || exit 1
echo "tidy sees every violation that was planted"
