#include "http/weight.h"

/* RFC 9110, 12.4.2: qvalue, with as many digits as people send; those after the third count for nothing. */
bool weight_parse(struct span text, int *ret_weight)
{
    if (text.size == 0 || (text.data[0] != '0' && text.data[0] != '1')) return false;
    int weight = (text.data[0] - '0') * WEIGHT_MAX;
    if (text.size > 1 && text.data[1] != '.') return false;
    int worth = WEIGHT_MAX / 10;
    for (size_t i = 2; i < text.size; i++, worth /= 10) {
        char c = text.data[i];
        if (c < '0' || c > '9') return false;
        if (weight >= WEIGHT_MAX && c != '0') return false;
        /* A weight that is not 0 does not become it. */
        if (worth == 0 && weight == 0 && c != '0') weight = 1;
        if (text.data[0] == '0') weight += (c - '0') * worth;
    }
    *ret_weight = weight;
    return true;
}
