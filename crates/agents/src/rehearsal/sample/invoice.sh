#!/bin/sh
# Adds up an order.
#
#   invoice.sh lines ORDER                                the order, line by line
#   invoice.sh total ORDER [DISCOUNT_PERCENT [TAX_PERCENT]]   what is due
#
# An order has one line for each article: quantity, unit price in cents, name.
# Lines that begin with # are comments.
set -eu
LC_ALL=C
export LC_ALL

lines() {
    awk '
        /^#/ || NF < 3 { next }
        {
            name = $3
            for (i = 4; i <= NF; i++) name = name " " $i
            printf "%-20s %3d x %8.2f = %9.2f\n", name, $1, $2 / 100, $1 * $2 / 100
        }
    ' "$1"
}

# The discount is taken off first; tax is due on what is left.
total() {
    awk -v discount="$2" -v tax="$3" '
        /^#/ || NF < 3 { next }
        { sum += $1 * $2 }
        END {
            taxed = sum + sum * tax / 100
            due = taxed - sum * discount / 100
            printf "%.2f\n", due / 100
        }
    ' "$1"
}

case "${1:-}" in
    lines) lines "${2:?which order?}" ;;
    total) total "${2:?which order?}" "${3:-0}" "${4:-0}" ;;
    *)
        echo "usage: invoice.sh lines ORDER | invoice.sh total ORDER [DISCOUNT [TAX]]" >&2
        exit 2
        ;;
esac
