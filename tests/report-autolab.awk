# autolab.json: the line that Autolab wants last.

END { printf "{\"scores\":{%s:%d},\"scoreboard\":[%d]}\n", json(lesson), total, total }
