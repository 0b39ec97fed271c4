"""Everything that goes to the carrier goes through here: claim, take a slot, send, keep the answer.

`claims` takes work in hand at the gate; `jobs` are what is to be sent and what its answer means; `errands` are the
requests that place no call, those of `storage` about the container of recordings and of `inquiry` about calls that nothing is
heard of among them; `dispatcher` runs many at once, and `nudge` one at a time inside a web request.
"""
