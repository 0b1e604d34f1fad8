#include "http/field_list.h"

struct span field_value_trim(struct span value)
{
    while (value.size > 0 && (value.data[0] == ' ' || value.data[0] == '\t')) value = span_from(value, 1);
    while (value.size > 0 && (value.data[value.size - 1] == ' ' || value.data[value.size - 1] == '\t')) value.size--;
    return value;
}

bool field_list_next(struct span *list, struct span *ret_element)
{
    if (list->data == NULL) return false;
    const char *comma = list->size > 0 ? memchr(list->data, ',', list->size) : NULL;
    if (comma == NULL) {
        *ret_element = field_value_trim(*list);
        *list = SPAN_NONE;
        return true;
    }
    size_t size = (size_t)(comma - list->data);
    *ret_element = field_value_trim(span_first(*list, size));
    *list = span_from(*list, size + 1);
    return true;
}
