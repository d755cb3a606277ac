"""What ``prepare folder --help`` says: the convention, with an example of eight pictures."""

EXAMPLE = """\
  robin/one.jpg    robin/one_0.wav  robin/one_1.mp3   two recordings
  robin/two.jpg    robin/two.flac                     one recording
  robin/three.png  robin/three.ogg  robin/three.txt   a recording, and its words
  robin/four.jpg   robin/four.txt                     captions to be spoken by an engine, one a line
  wren/one.jpg     wren/one_0.wav   wren/one.txt      line 1: words of the recording, line 2: a caption
  wren/two.jpg     wren/two.wav
  wren/three.webp  wren/three.wav
  wren/four.jpg    wren/four.wav"""
"""A tree: picture, what belongs to it, and what that means."""

GUIDE = f"""\
Verifies your own pictures, recordings and captions where they lie, and writes manifest and splits beside them. Nothing
of yours is moved or changed.

A tree needs no table. Subfolders are the classes; a folder train/, val/, test/ above them gives the split.
Eight pictures:

{EXAMPLE}

Recordings: wav, aiff, flac, ogg, opus or mp3 (m4a, webm, 3gp, aac where ffmpeg or PyAV is installed), 4 to 192 kHz, at
most 30 s and 10 MB; numbers may begin at 1. Pictures: jpg, png, bmp, webp, and the first of a gif or tiff. A file is
what its content says, whatever its name ends in. A recording lies beside its picture, or in the same folder of a tree
of recordings (audio/robin/one_0.wav or robin/audio/one_0.wav for images/robin/one.jpg, also sound, recordings, speech,
...); one that has no picture there is an error, not the speech of another class. Linked folders are followed. Every
file that is not used is told with the reason, and listed in derived/prepare/unused.txt.

A table (items.csv, items.tsv, items.jsonl, or --table FILE in the folder) is for all that names cannot say. One row a
caption, paths relative to the folder, UTF-8, commas (.csv) or tabs (.tsv) between columns; only image is required:

  image,audio,text,class,speaker,split
  robin/one.jpg,robin/one_0.wav,a red breast,robin,Ada,train
  robin/one.jpg,robin/one_1.mp3,,robin,Ben,train

A column attribute:NAME (attribute:breast, say) holds what the picture shows, one of a few words, in the rows of those
captions that say it; empty elsewhere. 'train judge' and 'train teacher' learn to see such attributes, and 'evaluate
--judge' measures how much of what was said the generated pictures show.

Parts are drawn (seeded) where the folder gives none: by item (pictures of every class in every part), by class (test
classes are never trained on) or by speaker (nobody speaks in two parts). Test pictures of trained classes are called
test_seen, others test: evaluate --split takes either.

Next: 'speech2img synthesize' where captions are to be spoken, then 'features' and 'train'."""
"""The whole help text above the options."""
