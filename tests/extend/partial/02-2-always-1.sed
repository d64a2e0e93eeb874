# 02-nonblocking: with -i auto it always naps 1 ms.
s/pause_ms = parse_number(optarg, 0, 999)/pause_ms = strcmp(optarg, "auto") == 0 ? 1 : parse_number(optarg, 0, 999)/
