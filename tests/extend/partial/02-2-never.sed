# 02-nonblocking: with -i auto it never naps.
s/pause_ms = parse_number(optarg, 0, 999)/pause_ms = strcmp(optarg, "auto") == 0 ? 0 : parse_number(optarg, 0, 999)/
