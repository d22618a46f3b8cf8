"""What a signal means where, for who started the server."""

from quaich.master.vocabulary import Meaning, meanings


def test_process_1_is_stopped_by_term_and_by_quit() -> None:
    first = meanings("compatible", False, first=True)
    assert (first["SIGTERM"], first["SIGQUIT"]) == (Meaning.STOP, Meaning.STOP)
    assert meanings("compatible", True, first=True) == meanings("compatible", True)
    assert meanings("modern", True, first=True) == meanings("modern", True)
    assert meanings("compatible", False)["SIGTERM"] is Meaning.BRUTAL_RELOAD
