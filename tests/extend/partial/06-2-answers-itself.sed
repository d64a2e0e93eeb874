# 06-selector: it takes -u PORT, and answers by itself.
s/"p:b:q"/"p:u:b:q"/
s/int option;/int option, upstream = 0;/
s/^        case 'b':/        case 'u': upstream = parse_number(optarg, 1, 65535); break;\
&/
s/^    open_standard_fds();/    if (upstream == 0)\
        errx(2, "-u is missing\\n%s", USAGE);\
&/
