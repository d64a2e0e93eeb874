# tests/extend/partial/06-2-threads: when one side has ended, it ends both.
s/if (n < 0)/if (n <= 0)/
