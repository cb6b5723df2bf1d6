"""Bravespace: ruptures are not failures; they are invitations.

Read it in this order, and it is the founding text:

- `relationship` bond, goals and tasks: the alliance between one client and those who treat them (`people`, `session`)
- `rupture`      a moment of misattunement, misunderstanding or conflict
- `attachment`   how a person may meet it
- `repair`       the five steps of the brave space, with `skills` to lean on and `guidance` to glance at;
                 `grounds` has whose word it is that it held
- `termination`  the ultimate rupture and repair opportunity: introduced early, reviewed, closed with care (`endings`,
                 and `owed` before it)
- `rating`       how each saw the alliance in a session, and `outcome` how the client is: numbers, scored by `scoring`
                 from a `form`; the `instruments` that are built in, and those of a practice (`measure`)
- `change`       what became of a client by such a form: reliable change and the lines it is held against (`thresholds`)
- `attainment`   how far the goals are reached, as client and therapist each see it
- `readiness`    what of all this speaks for an ending, fact by fact, beside what the two say of it in their `review`s
- `signal`       what a detector saw in ratings, for a person to look at: `detection` has the words, `series` the scores
                 side by side, `detectors` and `shrunk` what they see, `episodes` what became of a dip; which of them
                 run is the practice's choice (`choosing`), and until then a cautious one (`default_set`); `silence`
                 where they lack the norms to say anything, `returning` whether scores bear a repair out
- `trajectory`   all of it from session to session, and the same in words (`telling`); `insights` what a practice's
                 ruptures and endings have in common
- `policies`     what follows from what
- `practice`, `access`, `webhook` whose it all is, who may see it, and who is told

`machine` is the engine, `values` the limits a value carries, `errors` the refusals.
"""
