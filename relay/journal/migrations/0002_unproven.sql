-- What nobody could prove waits for a person, and so it stands on the person's list and is kept.
UPDATE standing SET attention = 2 WHERE state = 'unproven';
