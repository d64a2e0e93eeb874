# tests/extend/partial/06-2-threads: when one side has ended, it ends both.
s/n == 0 ? SHUT_WR : SHUT_RDWR/SHUT_RDWR/
s/if (n != 0)/if (n <= 0)/
