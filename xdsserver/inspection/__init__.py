"""What is so, and why, as answers for people and their tools: read-only views of tables, cache and ledger.

A view is a function of what is known to frozen values (dataclasses of plain things, which anybody can write as JSON).
It changes nothing, does no I/O and reads no clock: who asks says what time it is. What a view hands out holds no
secret. The admin API and the command line ask the same views, so they cannot disagree.

Whatever decides belongs elsewhere: a view tells what the tables decided and calls the same functions; it never decides
again by rules of its own.
"""
