auto: in the 5 ms after a message no pause is longer than 5 ms
auto: the same after it has had nothing to do for a long time
