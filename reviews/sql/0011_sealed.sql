-- What an effect answered may lie sealed. The limits hold for what is plain; sealing adds a little.

ALTER TABLE reviews_attempt DROP CONSTRAINT attempt_result_size,
    ADD CONSTRAINT attempt_result_size
        CHECK (octet_length(result) <= 65536 + CASE substr(result, 1, 1) WHEN '\x01' THEN 512 ELSE 0 END),
    ADD CONSTRAINT attempt_note_size
        CHECK (char_length(note) <= CASE left(note, 1) WHEN E'\x01' THEN 24000 ELSE 4000 END);
