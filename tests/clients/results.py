"""One line a result, as check-clients.sh reads them."""


def check(what, holds):
    print(("ok " if holds else "not ok ") + what, flush=True)


def refused(what, kind, call):
    """The call must raise `kind`; its exception is passed on."""
    try:
        call()
    except kind as e:
        check(what, True)
        return e
    check(what, False)
    return None
