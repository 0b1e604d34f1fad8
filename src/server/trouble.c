#include "server/trouble.h"

/* The levels are those that Apache gives to the same; but that nobody's own fault (a full machine) is a warning. */
static const struct error_kind kinds[TROUBLE_COUNT] = {
    [TROUBLE_NONE] = { LOG_LEVEL_DEBUG, "" },
    [TROUBLE_FILE_SYSTEM] = { LOG_LEVEL_ERROR,
                              "answered 500: the file system failed, or the file does not keep still" },
    [TROUBLE_POLICY] = { LOG_LEVEL_ERROR,
                         "answered 500: no number is left for the rules that hold for it; let fewer sections differ" },
    [TROUBLE_MAKESHIFT] = { LOG_LEVEL_WARN, "uncompressed, and not to be kept by anyone: few numbers are left for the "
                                            "rules that hold for it; let fewer sections differ" },
    [TROUBLE_USER_FILE] = { LOG_LEVEL_ERROR, "answered 500: AuthUserFile cannot be read" },
    [TROUBLE_STARVED] = { LOG_LEVEL_WARN, "answered 503: no descriptor or no memory for it; raise the limits" },
    [TROUBLE_OVERWHELMED] = { LOG_LEVEL_WARN, "answered 503: too many passwords are being checked" },
    [TROUBLE_CROWDED] = { LOG_LEVEL_WARN, "answered 503: one more answer would get less than Throttle's LEAST" },
    [TROUBLE_DEVICE] = { LOG_LEVEL_WARN, "answered 503: the disk did not answer within LoadTimeout" },
    [TROUBLE_LINK_LEAVES] = { LOG_LEVEL_ERROR,
                              "refused: a symbolic link leads out of the folder that is served; Options FollowSymLinks "
                              "in the <Directory> that it leads to would allow it" },
    [TROUBLE_LINK_OWNER] = { LOG_LEVEL_ERROR, "refused: a symbolic link is another user's than what it leads to "
                                              "(SymLinksIfOwnerMatch)" },
    [TROUBLE_UNREADABLE] = { LOG_LEVEL_ERROR, "refused: whoever serves may not read it" },
    [TROUBLE_NO_FILE] = { LOG_LEVEL_ERROR, "refused: it is neither a file nor a folder" },
    [TROUBLE_NO_INDEX] = { LOG_LEVEL_ERROR, "refused: a folder without an index, and Options Indexes is off" },
    [TROUBLE_DENIED] = { LOG_LEVEL_ERROR, "refused: Require does not let this client in" },
    [TROUBLE_WRONG_PASSWORD] = { LOG_LEVEL_ERROR, "refused: the user or the password is wrong" },
    [TROUBLE_MISDIRECTED] = { LOG_LEVEL_INFO, "refused: no site has the name that was asked for (StrictHost), or it "
                                              "was meant to be had by TLS" },
    [TROUBLE_ABSENT] = { LOG_LEVEL_INFO, "nothing is there" },
    [TROUBLE_LATE] = { LOG_LEVEL_INFO, "answered 408: the request did not come to its end within RequestTimeout" },
    [TROUBLE_BAD_REQUEST] = { LOG_LEVEL_INFO, "refused: it is no request, or more than the limits allow" },
};
_Static_assert((int)TROUBLE_COUNT <= (int)ERROR_KINDS_MAX, "an error log must know all kinds");

const struct error_kind *troubles_all(unsigned *ret_count)
{
    *ret_count = TROUBLE_COUNT;
    return kinds;
}

void trouble_tell(const struct site_errors *errors, enum trouble trouble, const struct peer_address *client,
                  struct span site, struct span path, int64_t now_us)
{
    char address[PEER_TEXT_BYTES];
    if (!errors || kinds[trouble].level > errors->level) return;
    struct error_request request = {
        .client = span_of(address, peer_address_text(client, address)),
        .site = site,
        .url = path.size > 0 ? path : SPAN("-"),
    };
    error_log_tell_request(errors->log, trouble, &request, now_us);
}
