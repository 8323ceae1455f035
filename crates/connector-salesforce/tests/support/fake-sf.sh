#!/bin/sh
# Stands for the Salesforce CLI in tests: called through a link, it answers with the files beside the link, each named
# for the last word of its command. What has no file is an unknown command. A token goes to standard error in any case.
cd "${0%/*}" || exit 1
echo "$*" >> calls
cat token-of-stderr >&2
[ -e hang ] && sleep 30
[ "$2" = auth ] && shift
if [ -e "$2" ]; then
    cat "$2"
elif [ -e any ]; then
    cat any
    exit 1
else
    echo '{"status":2,"name":"CommandNotFound","message":"it is not a sf command"}'
    exit 2
fi
