# 02-nonblocking: with -i auto it always naps 100 ms.
s/pause_ms = parse_number(optarg, 0, 999)/pause_ms = strcmp(optarg, "auto") == 0 ? 100 : parse_number(optarg, 0, 999)/
