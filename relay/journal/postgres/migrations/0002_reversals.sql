-- Finds the reversal of a key: a reversed original is never approved again, and one that comes after its reversal is refused.
-- Holds reversals and completions only, so the happy path never enters it.
CREATE INDEX taken_original ON taken (original_key) WHERE original_key <> '';

-- An exchange whose completion never came is a person's business, until evidence or a person closes it.
UPDATE standing SET attention = 2 WHERE state = 'unproven';
